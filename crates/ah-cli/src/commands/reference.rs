//! Commands about the command line itself: completions, manual pages, the version. They use no
//! settings and no task manager.

use std::path::Path;

use clap::CommandFactory as _;
use clap_mangen::Man;
use serde_json::json;

use crate::args::{Cli, CompletionsArgs, ManArgs};
use crate::exit_code::ExitCode;
use crate::failure::Failure;
use crate::terminal::Terminal;

const PROGRAM: &str = "ah";

/// Prints the completions of a shell.
pub(crate) fn completions(
    args: &CompletionsArgs,
    terminal: &Terminal,
) -> Result<ExitCode, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), PROGRAM, &mut script);
    terminal.print_raw(&String::from_utf8_lossy(&script))?;
    Ok(ExitCode::Ok)
}

/// Prints a manual page, or writes all of them into a folder.
pub(crate) fn man(args: &ManArgs, terminal: &Terminal) -> Result<ExitCode, Failure> {
    let mut cli = Cli::command().disable_help_subcommand(true);
    cli.build();
    if let Some(folder) = &args.folder {
        write_pages(cli, folder)?;
        return Ok(ExitCode::Ok);
    }
    let mut command = &cli;
    for word in &args.command {
        command = command.find_subcommand(word).ok_or_else(|| {
            Failure::validation(format!("there is no command `{word}`"))
                .hint("`ah --help` lists the commands")
        })?;
    }
    let mut page = Vec::new();
    Man::new(command.clone())
        .render(&mut page)
        .map_err(Failure::writing)?;
    terminal.print_raw(&String::from_utf8_lossy(&page))?;
    Ok(ExitCode::Ok)
}

fn write_pages(cli: clap::Command, folder: &Path) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::general(format!(
            "failed to write the manual pages to {}: {error}",
            folder.display()
        ))
        .caused_by(error)
    };
    std::fs::create_dir_all(folder).map_err(failed)?;
    clap_mangen::generate_to(cli, folder).map_err(failed)
}

/// Prints the version.
pub(crate) fn version(json: bool, terminal: &Terminal) -> Result<ExitCode, Failure> {
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    if json {
        terminal.print_json(&json!({ "version": VERSION }))?;
    } else {
        terminal.print_raw(&format!("{PROGRAM} {VERSION}\n"))?;
    }
    Ok(ExitCode::Ok)
}
