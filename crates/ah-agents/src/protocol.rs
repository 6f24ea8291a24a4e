//! What a recorder and whoever attends to it say to each other.
//!
//! One JSON object a line, over the unix socket of the session's folder (and, later, over a
//! stream of a network connection). The attendant begins with [`Hello`]; the recorder answers with
//! [`Welcome`] or [`Refusal`] and then sends the journal from the asked position on, each record
//! with the position after it, for as long as the connection lives. Requests may be sent at any
//! time; they are idempotent, and what they lead to is told by the journal.
//!
//! There is one attendant at a time: a connection with a higher fence closes the one before it, a
//! connection with a lower one is refused.

use ah_rest_api_contract::{EphemeralEvent, SessionId};
use serde::{Deserialize, Serialize};

// What the session's machine asks for, and what it is told.
pub use ah_lifecycle::{
    AgentEnd, EndCause, Fact, JournalEntry, JournalRecord, Request, ShutdownManner, TurnOutcome,
};

/// The version of this protocol. A recorder outlives the program that started it, so an attendant
/// speaks every version that a living recorder may have: at present this one alone.
pub const PROTOCOL_VERSION: u32 = 1;

/// The longest line of the protocol and of the journal, in bytes.
pub const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// How an attendant begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// The version of the protocol that the attendant speaks.
    pub protocol: u32,
    /// How often the session has changed its owner; the highest one attends.
    pub fence: u64,
    /// From where the journal is wanted, in bytes from its start.
    pub from: u64,
}

/// That the attendant was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Welcome {
    /// The version of the protocol that the recorder speaks.
    pub protocol: u32,
    /// The version of the program that the recorder is.
    pub version: String,
    /// The session.
    pub session_id: SessionId,
    /// The recorder's process.
    pub pid: u32,
    /// The agent's process, while it lives.
    pub agent_pid: Option<u32>,
    /// How long the journal is now, in bytes.
    pub journal_len: u64,
}

/// That the attendant was not accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("the recorder refused the connection: {reason}")]
pub struct Refusal {
    /// Why, in words.
    pub reason: String,
}

/// What a recorder sends after its welcome.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "frame", rename_all = "snake_case")]
pub enum Frame {
    /// A record of the journal.
    Record {
        /// Where the next one begins.
        next: u64,
        /// The record.
        record: JournalRecord,
    },
    /// The journal was sent up to where it ended when the attendant came.
    CaughtUp,
    /// Something that is not written down.
    Ephemeral {
        /// It.
        event: EphemeralEvent,
    },
}
