//! The built-in agent: it plays a scenario file with real edits and real commands.
//!
//! A process of its own, as every agent is, which speaks `wire` with its driver over standard
//! input and output. [`main`] is that process; `play` runs the agent over any pair of pipes.

mod assertion;
mod command;
mod edit;
mod exit;
mod outbox;
mod output;
mod stage;
mod tool;
pub(crate) mod wire;
mod workspace;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::UNIX_EPOCH;

use ah_scenario::{Interpreter, InvalidSettings, Settings};
use serde_json::{Map, Value};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{FramedRead, LinesCodec};
use ulid::Ulid;

use ah_lifecycle::TurnOutcome;
use exit::ExitCause;
use outbox::Outbox;
use stage::Stage;
use wire::{FromAgent, LINE_BYTES_MAX, ToAgent};
use workspace::AgentFolder;

/// Checks that the scenario agent can play by these settings of a task.
///
/// # Errors
/// Says what is wrong with them, and for a scenario, where.
pub fn check(settings: &Map<String, Value>) -> Result<(), InvalidSettings> {
    Settings::read(settings).map(drop)
}

/// Runs the agent: it plays in the current folder by the settings in this file until its standard
/// input ends or the scenario has it exit.
///
/// The exit code is 0 at the end of the input, 1 if its output is closed, 2 if it cannot start, and
/// otherwise the code that the scenario gives.
pub fn main(settings: &Path) -> ExitCode {
    match run(settings) {
        Ok(ExitCause::InputEnded) => ExitCode::SUCCESS,
        Ok(ExitCause::OutputClosed) => ExitCode::FAILURE,
        Ok(ExitCause::Code(code)) => ExitCode::from(code),
        Ok(ExitCause::Crash) => std::process::abort(),
        Err(error) => {
            eprintln!(
                "the scenario agent cannot start by {}: {error}",
                settings.display()
            );
            ExitCode::from(2)
        }
    }
}

fn run(settings: &Path) -> std::io::Result<ExitCause> {
    let settings: Map<String, Value> = serde_json::from_slice(&std::fs::read(settings)?)?;
    let workspace = std::env::current_dir()?;
    let first_message = first_message()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let exit = runtime.block_on(play(
        tokio::io::stdin(),
        tokio::io::stdout(),
        workspace,
        &settings,
        first_message,
    ));
    // A thread may still wait for standard input, which does not end with the agent.
    runtime.shutdown_background();
    Ok(exit)
}

/// The id of the agent's first message; the others count upwards from it.
#[expect(
    clippy::disallowed_methods,
    reason = "the agent is a process of its own, and this is the one place where it reads the clock"
)]
fn first_message() -> std::io::Result<Ulid> {
    let since_epoch = std::time::SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let mut random = [0; 16];
    getrandom::fill(&mut random).map_err(std::io::Error::other)?;
    let millis = u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX);
    Ok(Ulid::from_parts(millis, u128::from_le_bytes(random)))
}

/// Plays by these settings in `workspace`, over `input` and `output`, until it has a reason to
/// exit. Invalid settings fail each turn with their error, so that the client sees it.
async fn play(
    input: impl AsyncRead + Unpin,
    output: impl AsyncWrite + Unpin,
    workspace: PathBuf,
    settings: &Map<String, Value>,
    first_message: Ulid,
) -> ExitCause {
    let inbox = FramedRead::new(input, LinesCodec::new_with_max_length(LINE_BYTES_MAX));
    let mut outbox = Outbox::new(output);
    let ready = FromAgent::Ready {
        version: env!("CARGO_PKG_VERSION").to_owned(),
    };
    if let Err(exit) = outbox.send(&ready).await {
        return exit;
    }
    match Settings::read(settings) {
        Ok(Settings {
            script,
            speed,
            defines,
        }) => {
            let interpreter = Interpreter::new(script, defines, first_message);
            Stage::new(
                inbox,
                outbox,
                AgentFolder::at(workspace),
                interpreter,
                speed,
            )
            .run()
            .await
        }
        Err(error) => decline(inbox, outbox, &error.to_string()).await,
    }
}

/// Fails every turn with this reason.
async fn decline<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    mut inbox: FramedRead<R, LinesCodec>,
    mut outbox: Outbox<W>,
    reason: &str,
) -> ExitCause {
    use futures::StreamExt;
    while let Some(Ok(line)) = inbox.next().await {
        if !matches!(serde_json::from_str(&line), Ok(ToAgent::Prompt { .. })) {
            continue;
        }
        let outcome = TurnOutcome::Failed {
            reason: reason.to_owned(),
        };
        if let Err(exit) = outbox.send(&FromAgent::TurnEnded(outcome)).await {
            return exit;
        }
    }
    ExitCause::InputEnded
}

#[cfg(test)]
mod tests;
