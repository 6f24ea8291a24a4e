//! The agent's standard output, one line for each message.

use ah_rest_api_contract::{EphemeralEvent, EventPayload};
use tokio::io::{AsyncWrite, AsyncWriteExt};

use super::exit::ExitCause;
use super::wire::FromAgent;

/// The agent's standard output.
pub(super) struct Outbox<W> {
    output: W,
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    pub(super) const fn new(output: W) -> Self {
        Self { output }
    }

    /// Writes a message and flushes it.
    pub(super) async fn send(&mut self, what: &FromAgent) -> Result<(), ExitCause> {
        let mut line = serde_json::to_vec(what).expect("keys are texts and numbers are finite"); // all of `FromAgent`
        line.push(b'\n');
        let written = async {
            self.output.write_all(&line).await?;
            self.output.flush().await
        };
        written.await.map_err(|error| {
            tracing::debug!(%error, "the agent's output is closed");
            ExitCause::OutputClosed
        })
    }

    pub(super) async fn event(&mut self, event: EventPayload) -> Result<(), ExitCause> {
        self.send(&FromAgent::Event(event)).await
    }

    pub(super) async fn ephemeral(&mut self, event: EphemeralEvent) -> Result<(), ExitCause> {
        self.send(&FromAgent::Ephemeral(event)).await
    }
}
