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

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, PermissionAnswer, PermissionId, PromptContent, PromptDelivery,
    PromptId, SessionId, Timestamp,
};
use serde::{Deserialize, Serialize};

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

/// What an attendant asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Say this to the agent: now when it is idle, after its turn otherwise, or in the middle of
    /// it when it is to be steered and can be. Told once, however often it is asked.
    Prompt {
        /// Names the prompt.
        prompt_id: PromptId,
        /// What to say.
        content: PromptContent,
        /// Who says it.
        author: String,
        /// Whether the agent's turn is not waited for.
        steer: bool,
    },
    /// Do not say this prompt any more, if it still waits.
    Withdraw {
        /// Which.
        prompt_id: PromptId,
    },
    /// Give the agent this answer.
    Answer {
        /// The permission request.
        request_id: PermissionId,
        /// The answer.
        answer: PermissionAnswer,
        /// Who gives it.
        by: String,
    },
    /// End the agent's turn. While the agent is not ready yet, this is the turn that its first
    /// prompt begins. It names no turn, so one that is sent just as a turn ends by itself may meet
    /// the next: whoever sends it looks at the journal first.
    Interrupt,
    /// Freeze every process of the session.
    Pause,
    /// Let them go on.
    Resume,
    /// End the agent: politely at first, by force in the end, until nothing of it is left.
    Shutdown {
        /// How politely.
        manner: ShutdownManner,
    },
}

/// How an agent is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownManner {
    /// It has finished: it is let go by the protocol's own means, and waited for. How it exits is
    /// how it ended.
    Finish,
    /// It is stopped: protocol cancel, end of input, SIGINT, SIGTERM, SIGKILL, a grace each.
    Stop,
    /// It is killed at once.
    Kill,
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

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// When it happened.
    pub ts: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub entry: JournalEntry,
    /// The agent's own line that led to it, at most 16 KiB of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

/// What the journal tells: an event for the log as it is, or a fact for the session's machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalEntry {
    /// An event. A `message` of the user says that its prompt was delivered; a
    /// `permission_request` that an answer is waited for; a `permission_resolved` that the agent
    /// was told.
    Event(EventPayload),
    /// A fact.
    Fact(Fact),
}

/// What the session's machine needs to know and no client does.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The recorder has begun: from here on an agent may have been started. It is the first
    /// record, written before the recorder says that it is there.
    Launching,
    /// The agent's process was started.
    AgentStarted {
        /// The process.
        pid: u32,
    },
    /// The agent can take a prompt.
    AgentReady {
        /// Its version, when it tells one.
        version: Option<String>,
    },
    /// A turn began.
    TurnStarted {
        /// With which prompt.
        prompt_id: PromptId,
        /// How the prompt came.
        delivery: PromptDelivery,
    },
    /// A turn ended.
    TurnEnded {
        /// How.
        outcome: TurnOutcome,
    },
    /// Every process of the session is frozen.
    Paused,
    /// Not every process of the session could be frozen, and those that were have been woken: it
    /// goes on.
    PauseFailed {
        /// Why, in words.
        reason: String,
    },
    /// They go on. An end that is asked for in a pause wakes them without saying so.
    Resumed,
    /// Nothing of the agent is left. It is the last record.
    Ended(AgentEnd),
}

/// How a turn ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The agent had finished.
    Completed,
    /// Somebody interrupted it.
    Interrupted,
    /// It could not go on.
    Failed {
        /// Why, in words.
        reason: String,
    },
}

/// How an agent ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEnd {
    /// Its exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// What is to be said of it: why it could not be started, that it ended in the middle of a
    /// turn, which step of the escalation it took.
    pub reason: Option<String>,
    /// Processes that were left over and had to be killed.
    pub swept: u32,
    /// Why it came to its end; `None` when it was never started, and from a recorder of an earlier
    /// version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<EndCause>,
}

/// Why an agent came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The attendant let it go: it had finished.
    Finished,
    /// The attendant had it stopped or killed.
    Told,
    /// Nobody attended to it for too long after its turn.
    Unattended,
    /// The recorder itself was told to end by a signal.
    Signalled,
    /// It took longer than the session's limit.
    TimedOut,
    /// It was idle for longer than the session's limit.
    Idle,
    /// Nobody: it went by itself, or closed its output.
    Agent,
}
