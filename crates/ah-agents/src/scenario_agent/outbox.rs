//! What the agent says, a line each.

use ah_rest_api_contract::{EphemeralEvent, EventPayload, MessageId};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use ulid::Ulid;

use super::Leaving;
use super::wire::FromAgent;

/// The agent's standard output.
pub(super) struct Outbox<W> {
    output: W,
    next_message: Ulid,
}

impl<W: AsyncWrite + Unpin> Outbox<W> {
    /// Speaks to `output`; the messages are numbered upwards from `first_message`.
    pub(super) const fn new(output: W, first_message: Ulid) -> Self {
        Self {
            output,
            next_message: first_message,
        }
    }

    /// An id that no other message of this agent has.
    pub(super) fn message_id(&mut self) -> MessageId {
        let id = self.next_message;
        self.next_message = Ulid(id.0.wrapping_add(1));
        MessageId::from_ulid(id)
    }

    /// Says this, at once.
    pub(super) async fn say(&mut self, what: &FromAgent) -> Result<(), Leaving> {
        let mut line = serde_json::to_vec(what).expect("keys are texts and numbers are finite"); // all of `FromAgent`
        line.push(b'\n');
        let written = async {
            self.output.write_all(&line).await?;
            self.output.flush().await
        };
        written.await.map_err(|error| {
            tracing::debug!(%error, "nobody reads the agent's output");
            Leaving::OutputClosed
        })
    }

    pub(super) async fn event(&mut self, event: EventPayload) -> Result<(), Leaving> {
        self.say(&FromAgent::Event(event)).await
    }

    pub(super) async fn ephemeral(&mut self, event: EphemeralEvent) -> Result<(), Leaving> {
        self.say(&FromAgent::Ephemeral(event)).await
    }
}
