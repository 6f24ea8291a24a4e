//! The commands, one file per command or family of commands.

mod access_point;
mod agents;
mod catalog;
pub(crate) mod config;
pub(crate) mod confine;
mod confirm;
mod default_agent;
pub(crate) mod doctor;
mod follow;
mod init;
pub(crate) mod reference;
mod session;
mod task;
mod wait;

use crate::args::{AgentCommand, Command, SessionCommand};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// Runs a command. `main` dispatches those without a task manager.
pub(crate) async fn run(command: Command, context: &Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Task(args) => task::run(*args, context).await,
        Command::Session(command) => session::run(command, context).await,
        Command::List(args) => session::run(SessionCommand::List(args), context).await,
        Command::Attach(args) => session::run(SessionCommand::Follow(args), context).await,
        Command::Logs(args) => session::run(SessionCommand::Logs(args), context).await,
        Command::Rm(args) => session::run(SessionCommand::Cancel(args), context).await,
        Command::Agents(args) => agents::run(&args, context).await,
        Command::Init(args) => init::run(&args, context).await,
        Command::Runtimes(_) => catalog::runtimes(context).await,
        Command::Executors(_) => catalog::executors(context).await,
        Command::Repos(args) => catalog::repos(args, context).await,
        Command::Projects(_) => catalog::projects(context).await,
        Command::Workspaces(args) => catalog::workspaces(args, context).await,
        Command::Agent(AgentCommand::AccessPoint(args)) => access_point::run(&args, context).await,
        Command::Agent(_)
        | Command::Config(_)
        | Command::Doctor
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Version => Err(Failure::general("this command runs without a task manager")),
    }
}
