//! `ah session …`.

mod answer;
mod attachments;
mod card;
mod cat;
mod checkout;
mod continuation;
mod debug;
mod diff;
mod events;
mod files;
mod list;
mod logs;
mod show;
mod steer;
mod target;

use super::follow;
use crate::args::SessionCommand;
use crate::context::Context;
use crate::exit_code::ExitCode;
use crate::failure::Failure;

/// Runs a session command.
pub(crate) async fn run(command: SessionCommand, context: &Context) -> Result<ExitCode, Failure> {
    if let SessionCommand::Follow(args) = command {
        return follow::run(args, context).await;
    }
    context
        .with_manager_until_interrupted(async |manager| {
            let manager = manager.as_ref();
            match command {
                SessionCommand::List(args) => list::run(manager, args, context).await,
                SessionCommand::Get(args) => show::get(manager, &args, context).await,
                // Handled above, because it has its own signal handling.
                SessionCommand::Follow(_) => Ok(()),
                SessionCommand::Events(args) => events::run(manager, args, context).await,
                SessionCommand::Logs(args) => logs::run(manager, args, context).await,
                SessionCommand::Diff(args) => diff::run(manager, args, context).await,
                SessionCommand::Attachments(args) => {
                    attachments::run(manager, &args, context).await
                }
                SessionCommand::Checkout(args) => checkout::run(manager, args, context).await,
                SessionCommand::Files(args) => files::run(manager, &args, context).await,
                SessionCommand::Cat(args) => cat::run(manager, &args, context).await,
                SessionCommand::Prompt(args) => steer::prompt(manager, args, context).await,
                SessionCommand::Prompts(args) => show::prompts(manager, &args, context).await,
                SessionCommand::Permissions(args) => {
                    show::permissions(manager, &args, context).await
                }
                SessionCommand::Answer(args) => answer::run(manager, args, context).await,
                SessionCommand::Interrupt(args) => steer::interrupt(manager, &args, context).await,
                SessionCommand::Pause(args) => steer::pause(manager, &args, context).await,
                SessionCommand::Resume(args) => steer::resume(manager, args, context).await,
                SessionCommand::Stop(args) => steer::stop(manager, args, context).await,
                SessionCommand::Cancel(args) => steer::cancel(manager, &args, context).await,
            }
            .map(|()| ExitCode::Ok)
        })
        .await
}
