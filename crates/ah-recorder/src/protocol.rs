//! The protocol between a recorder and its attendant.
//!
//! One JSON object per line, over the unix socket of the session's folder (and, later, over a
//! stream of a network connection). The attendant begins with [`Hello`]; the recorder answers with
//! [`Welcome`] or [`AttachRefusal`]. It then sends the journal from the requested position on, each
//! record with the position after it, for as long as the connection lives. Requests may be sent at
//! any time; they are idempotent, and the journal records their results.
//!
//! There is one attendant at a time: a connection with a higher fence closes the one before it, and
//! one with a lower fence is refused.

use ah_rest_api_contract::{EphemeralEvent, SessionId};
use serde::{Deserialize, Serialize};

// The requests and journal entries are the types of the state machine.
pub use ah_lifecycle::{
    AgentEnd, EndCause, Fact, JournalEntry, JournalRecord, Request, ShutdownManner, TurnOutcome,
};

/// The version of this protocol. A recorder outlives the program that started it, so an attendant
/// must speak the version of every living recorder: at present this one only.
pub const PROTOCOL_VERSION: u32 = 1;

/// The maximum length of a line of the protocol and of the journal, in bytes.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// The first message of an attendant.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol that the attendant speaks.
    pub protocol: u32,
    /// The number of owner changes of the session; the attendant with the highest fence is
    /// attached.
    pub fence: u64,
    /// The position at which the journal stream begins, in bytes from the start of the file.
    pub from: u64,
}

/// The first message of a connection that only asks for the recorder's state. The recorder answers
/// with a line of [`RecorderInfo`](ah_rest_api_contract::RecorderInfo) and closes the connection.
/// It answers in every state, and the attendant stays attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InfoRequest {
    /// The version of the protocol that the client speaks.
    pub info: u32,
}

/// The first message of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FirstMessage {
    /// It attaches.
    Hello(Hello),
    /// It asks for the recorder's state.
    Info(InfoRequest),
}

/// The reply to an accepted attendant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol that the recorder speaks.
    pub protocol: u32,
    /// The version of the recorder's program.
    pub version: String,
    /// The session.
    pub session_id: SessionId,
    /// The process id of the recorder.
    pub pid: u32,
    /// The process id of the agent, while it lives.
    pub agent_pid: Option<u32>,
    /// The current length of the journal, in bytes.
    pub journal_len: u64,
}

/// The reply to a refused attendant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the recorder refused the connection: {reason}")]
pub struct AttachRefusal {
    /// The reason as text.
    pub reason: String,
}

/// A message of a recorder after its [`Welcome`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum RecorderFrame {
    /// A record of the journal.
    Record {
        /// The position of the next record.
        next: u64,
        /// The record.
        record: JournalRecord,
    },
    /// The journal was sent up to its length at the time of the attachment.
    CaughtUp,
    /// An event that is not recorded.
    Ephemeral {
        /// The event.
        event: EphemeralEvent,
    },
}
