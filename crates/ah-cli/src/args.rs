//! The command line: what may be typed, and the help that says so.

mod agent;
mod session;
mod task;
mod value;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use agent::{AccessPointArgs, AgentCommand};
pub(crate) use session::{
    AnswerArgs, DiffArgs, EventsArgs, FollowArgs, ListArgs, LogsArgs, PromptArgs, PromptsArgs,
    ResumeArgs, SessionCommand, StopArgs, TargetArgs,
};
pub(crate) use task::TaskArgs;

/// Starts coding agents, each in a workspace of its own, and shows what they do.
///
/// An agent works on a copy of your repository, on a branch of its own; nothing of your checkout
/// is touched. It goes on when this command ends, and everything it does is kept.
#[derive(Debug, Parser)]
#[command(
    name = "ah",
    version,
    disable_help_subcommand = true,
    after_help = "Examples:
  ah task --follow \"Add a test for the parser\"   run a task here and watch it
  ah session list                                what ran and what runs
  ah session diff | git apply                    take the work of the latest session",
    after_long_help = reference(),
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: GlobalArgs,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct GlobalArgs {
    /// Write JSON to the standard output, one document or one event a line
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Colour nothing
    #[arg(long, global = true)]
    pub(crate) no_color: bool,
    /// Log this much to the standard error
    #[arg(long, global = true, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevelArg>,
    /// Use the access point at this URL, or `none` whatever runs
    #[arg(long, global = true, value_name = "URL|none")]
    pub(crate) remote_server: Option<String>,
}

/// How much is logged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevelArg {
    /// What failed, and why
    Error,
    /// What may be wrong
    Warn,
    /// What one would want to know
    Info,
    /// The causes of failures
    Debug,
}

impl LogLevelArg {
    /// The word that log filters take.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
        }
    }
}

/// What `ah` can be told to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Task(Box<TaskArgs>),
    /// Look at sessions and steer them
    ///
    /// A session is one run of one agent in one workspace. Commands that take an ID take the
    /// latest session when none is given. An ID may be written whole, as its beginning or its end
    /// (at least 4 characters, and no other session may share them), or as the branch ah/ID.
    #[command(
        subcommand,
        after_help = "Examples:
  ah session follow              watch the latest session
  ah session list                what ran and what runs
  ah session diff | git apply    take the work of the latest session"
    )]
    Session(SessionCommand),
    /// List the agents that tasks can name
    ///
    /// Says for each whether its program is installed, in which version, and what it can do.
    #[command(after_help = "Examples:
  ah agents
  ah agents --json | jq -r '.items[].type'")]
    Agents,
    /// The access point, and the processes behind a session
    ///
    /// `ah task` starts the processes of a session by itself; nobody needs to call them.
    #[command(
        subcommand,
        after_help = "Examples:
  ah agent access-point
  ah agent record --help"
    )]
    Agent(AgentCommand),
}

/// The end of the long help: exit codes and environment variables.
fn reference() -> String {
    use std::fmt::Write;

    use crate::{environment, exit_code::ExitCode};

    let mut out = String::from(
        "Examples:
  ah task --follow \"Add a test for the parser\"   run a task here and watch it
  ah session list                                what ran and what runs
  ah session diff | git apply                    take the work of the latest session

Exit codes:
",
    );
    // Writing to a string cannot fail.
    for code in ExitCode::ALL {
        writeln!(out, "  {:>2}  {}", code.number(), code.meaning()).unwrap_or_default();
    }
    out.push_str("\nEnvironment:\n");
    for variable in environment::ALL {
        writeln!(out, "  {}\n      {}", variable.name, variable.help).unwrap_or_default();
    }
    out
}

#[cfg(test)]
mod tests;
