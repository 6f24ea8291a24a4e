//! The agent at work: it accepts prompts, carries out the instructions of the interpreter, and
//! reads its input at every moment in between.

mod act;
mod attend;

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use ah_rest_api_contract::{
    ErrorEvent, EventPayload, Log, LogLevel, MessageDelta, MessageRole, PromptContent,
};
use ah_scenario::{Interpreter, Speed};
use futures::StreamExt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::codec::{FramedRead, LinesCodec, LinesCodecError};

use super::exit::ExitCause;
use super::outbox::Outbox;
use super::output::BoundedOutput;
use super::wire::{FromAgent, ToAgent};
use super::workspace::AgentFolder;
use ah_lifecycle::TurnOutcome;

/// The agent.
pub(super) struct Stage<R, W> {
    inbox: FramedRead<R, LinesCodec>,
    outbox: Outbox<W>,
    workspace: AgentFolder,
    interpreter: Interpreter,
    speed: Speed,
    /// The messages and tool outputs so far, which assertions can refer to.
    output: BoundedOutput,
}

/// The reason why a turn is cut short.
#[derive(Debug)]
pub(super) enum Cut {
    /// The turn was interrupted.
    Interrupted,
    /// The agent exits.
    Exit(ExitCause),
}

impl From<ExitCause> for Cut {
    fn from(exit: ExitCause) -> Self {
        Self::Exit(exit)
    }
}

impl<R: AsyncRead + Unpin, W: AsyncWrite + Unpin> Stage<R, W> {
    pub(super) fn new(
        inbox: FramedRead<R, LinesCodec>,
        outbox: Outbox<W>,
        workspace: AgentFolder,
        interpreter: Interpreter,
        speed: Speed,
    ) -> Self {
        Self {
            inbox,
            outbox,
            workspace,
            interpreter,
            speed,
            output: BoundedOutput::default(),
        }
    }

    /// Accepts prompts until the agent exits.
    pub(super) async fn run(&mut self) -> ExitCause {
        loop {
            let exit = match self.next_input().await {
                None => ExitCause::InputEnded,
                Some(ToAgent::Prompt { content, .. }) => match self.turn(&content).await {
                    Ok(()) => continue,
                    Err(exit) => exit,
                },
                // No turn is in progress that could be interrupted, and no request is pending.
                Some(ToAgent::Interrupt | ToAgent::Answer { .. }) => continue,
            };
            return exit;
        }
    }

    /// Plays a turn and reports its outcome.
    async fn turn(&mut self, content: &PromptContent) -> Result<(), ExitCause> {
        self.interpreter.begin(content);
        let outcome = match self.play_turn().await {
            Ok(outcome) => outcome,
            Err(Cut::Interrupted) => {
                self.interpreter.abandon_turn();
                TurnOutcome::Interrupted
            }
            Err(Cut::Exit(exit)) => return Err(exit),
        };
        self.outbox.send(&FromAgent::TurnEnded(outcome)).await
    }

    /// Returns the next message of the driver, or `None` at the end of the input. A line that
    /// cannot be understood is logged and skipped.
    async fn next_input(&mut self) -> Option<ToAgent> {
        loop {
            let line = match self.inbox.next().await? {
                Ok(line) => line,
                Err(LinesCodecError::MaxLineLengthExceeded) => {
                    tracing::warn!("skipped an input line that is too long");
                    continue;
                }
                Err(LinesCodecError::Io(error)) => {
                    tracing::warn!(%error, "the agent's input cannot be read");
                    return None;
                }
            };
            match serde_json::from_str(&line) {
                Ok(message) => return Some(message),
                Err(error) => tracing::warn!(%error, "skipped an input line that is malformed"),
            }
        }
    }

    /// Processes a message of the driver in the middle of a turn.
    async fn on_input(&mut self, message: Option<ToAgent>) -> Result<(), Cut> {
        match message {
            None => Err(ExitCause::InputEnded.into()),
            Some(ToAgent::Interrupt) => Err(Cut::Interrupted),
            Some(ToAgent::Prompt { content, .. }) => {
                let reply = self.interpreter.steered(&content);
                self.event(reply).await
            }
            Some(ToAgent::Answer { key, .. }) => {
                self.log(
                    LogLevel::Debug,
                    format!("an answer has the unknown request id `{key}`"),
                )
                .await
            }
        }
    }

    /// Waits for `work`, and processes input meanwhile.
    async fn with_input<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Cut> {
        let mut work = pin!(work);
        loop {
            tokio::select! {
                biased;
                message = self.next_input() => self.on_input(message).await?,
                done = &mut work => return Ok(done),
            }
        }
    }

    /// Waits for a delay of the script.
    async fn pause(&mut self, delay: Duration) -> Result<(), Cut> {
        self.with_input(tokio::time::sleep(self.speed.scale(delay)))
            .await
    }

    async fn event(&mut self, event: EventPayload) -> Result<(), Cut> {
        Ok(self.outbox.event(event).await?)
    }

    async fn log(&mut self, level: LogLevel, message: String) -> Result<(), Cut> {
        let log = Log::new(level, message);
        self.event(EventPayload::Log(log)).await
    }

    async fn error(&mut self, message: String) -> Result<(), Cut> {
        self.event(EventPayload::Error(ErrorEvent::new(message)))
            .await
    }

    /// Keeps a part of a message for assertions.
    fn note_delta(&mut self, delta: &MessageDelta) {
        self.output.push(delta.delta.as_bytes());
    }

    /// Keeps the end of a message for assertions.
    fn note_event(&mut self, event: &EventPayload) {
        if let EventPayload::Message(message) = event
            && message.role == MessageRole::Assistant
        {
            self.output.push(b"\n");
        }
    }
}
