//! `ah`: the command line of the Agent Harbor access point.
//!
//! Data goes to standard output, everything else to standard error. Exit codes are those of
//! [`exit_code::ExitCode`]. Commands are written against the `TaskManager` trait; only [`local`]
//! knows its implementation.

mod args;
mod changes;
mod clock;
mod commands;
mod context;
mod environment;
mod exit_code;
mod failure;
#[cfg(test)]
mod fake;
mod follow;
mod git;
mod local;
mod remote;
mod runtime;
mod session_ref;
mod signals;
mod style;
mod table;
mod terminal;
mod text;
mod variables;

use clap::error::ErrorKind;
use clap::{CommandFactory as _, Parser};

use args::{AgentCommand, Cli, Command, GlobalArgs};
use context::Context;
use environment::{CommandSettings, Remote};
use exit_code::ExitCode;
use failure::Failure;
use style::Colour;
use terminal::Terminal;

fn main() -> std::process::ExitCode {
    signals::reset();
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&args::with_advice(error)).into(),
    };
    // Recorders and built-in agents are separate processes, one per session. They use neither this
    // command's runtime nor its settings.
    match &cli.command {
        Command::Agent(AgentCommand::Record { folder }) => {
            log_of_recorder();
            return ah_recorder::main(folder);
        }
        Command::Agent(AgentCommand::Scenario { settings }) => {
            return ah_agents::scenario_agent::main(settings);
        }
        Command::Agent(AgentCommand::Confine(args)) => return commands::confine::run(args),
        _ => {}
    }
    let json = cli.global.json;
    let mut terminal = Terminal::detect(cli.global.no_color);
    let result = match &cli.command {
        // These describe the program and use no settings.
        Command::Completions(args) => commands::reference::completions(args, &terminal),
        Command::Man(args) => commands::reference::man(args, &terminal),
        Command::Version => commands::reference::version(cli.global.json, &terminal),
        // These have to work with a broken configuration, to mend it.
        Command::Config(args) => commands::config::run(args, cli.global.json, &terminal),
        Command::Doctor => commands::doctor::run(cli.global.json, &terminal),
        _ => run(cli, &mut terminal),
    };
    match result {
        Ok(code) => code.into(),
        Err(failure) => terminal.report(&failure, json).into(),
    }
}

/// Prints the help, or the error in the command line.
fn refuse(error: &clap::Error) -> ExitCode {
    // `ah` alone is a request for help, not an error.
    if std::env::args_os().len() == 1 {
        let printed = Cli::command().print_help();
        return if printed.is_ok() {
            ExitCode::Ok
        } else {
            ExitCode::General
        };
    }
    let is_help = matches!(
        error.kind(),
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion
    );
    // The arguments are not parsed, so the option is looked for in them.
    if !is_help && std::env::args_os().any(|word| word == "--json") {
        let text = error.render().to_string();
        let message = text.trim_start_matches("error: ").trim_end();
        let failure = Failure::validation(message);
        return Terminal::detect(true).report(&failure, true);
    }
    // There is no other place to report a failure to print.
    if error.print().is_err() {
        return ExitCode::General;
    }
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => ExitCode::Ok,
        _ => ExitCode::Validation,
    }
}

fn run(cli: Cli, terminal: &mut Terminal) -> Result<ExitCode, Failure> {
    let mut settings = CommandSettings::load()?;
    if !settings.cli().color {
        *terminal = Terminal::detect(true);
    }
    log(&cli.global, &settings, terminal)?;
    if let Some(server) = &cli.global.remote_server {
        settings.remote = Remote::parse(server);
    }
    let context = Context {
        terminal: *terminal,
        json: cli.global.json,
        settings,
    };
    let runtime = runtime::create()?;
    let result = runtime.block_on(commands::run(cli.command, &context));
    // Tasks blocked in a system call, such as a read, are not awaited.
    runtime.shutdown_background();
    result
}

/// Sends the log to standard error.
fn log(args: &GlobalArgs, settings: &CommandSettings, terminal: &Terminal) -> Result<(), Failure> {
    const DEFAULT: &str = "error";
    let directives = match args.log_level {
        Some(level) => level.as_str(),
        None if settings.cli().log.is_empty() => DEFAULT,
        None => &settings.cli().log,
    };
    let filter = tracing_subscriber::EnvFilter::try_new(directives).map_err(|error| {
        Failure::configuration(format!(
            "{} sets the log filter `{directives}`, which is not valid",
            settings.origin("cli.log")
        ))
        .hint("use a level such as debug, or a list such as ah_engine=debug,warn")
        .caused_by(error)
    })?;
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(terminal.stderr_colour() == Colour::Styled)
        .init();
    Ok(())
}

/// Writes the recorder's log to its standard error, the file `recorder.log` of the session, whose
/// size is bounded. Each record has the span of the session. An invalid filter falls back to the
/// default one.
fn log_of_recorder() {
    const DEFAULT: &str = "warn,ah_recorder=info";
    let filter = tracing_subscriber::EnvFilter::try_from_env(variables::AH_LOG.name)
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new(DEFAULT));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::sync::Mutex::new(ah_recorder::BoundedLog::on_stderr()))
        .with_ansi(false)
        .init();
}
