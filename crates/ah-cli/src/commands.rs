//! The commands, one file per command or family of commands.

mod access_point;
mod agents;
mod follow;
mod session;
mod task;
mod wait;

use crate::args::{AgentCommand, Command};
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// Runs a command. `main` dispatches the recorder and the built-in agent before.
pub(crate) async fn run(command: Command, context: &Context) -> Result<ExitCode, Failure> {
    match command {
        Command::Task(args) => task::run(*args, context).await,
        Command::Session(command) => session::run(command, context).await,
        Command::Agents => agents::run(context).await,
        Command::Agent(AgentCommand::AccessPoint(args)) => access_point::run(&args, context).await,
        Command::Agent(_) => Err(Failure::general("`ah agent` runs without a task manager")),
    }
}
