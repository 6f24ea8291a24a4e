//! The journal of a session's recorder: the agent's events, and the facts of its life cycle.

use ah_rest_api_contract::{Activity, EventPayload, PromptDelivery, PromptId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::AttachmentPart;

/// A line of the journal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct JournalRecord {
    /// The time of the record.
    pub ts: Timestamp,
    /// The event or fact.
    #[serde(flatten)]
    pub entry: JournalEntry,
    /// The agent's own line that led to the record, at most 16 KiB of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw: Option<String>,
}

/// The content of a record: an event for the log as it is, or a fact for the state machine.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum JournalEntry {
    /// An event. A `message` of the user reports that its prompt was sent to the agent, a
    /// `permission_request` that the agent waits for an answer, and a `permission_resolved` that
    /// the agent received it.
    Event(EventPayload),
    /// A part of an attachment. All parts precede the event that refers to the attachment.
    Attachment(AttachmentPart),
    /// A fact.
    Fact(Fact),
}

/// An input of the state machine that clients do not see.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "fact", rename_all = "snake_case")]
pub enum Fact {
    /// The recorder has started: from here on an agent may have been started. It is the first
    /// record, written before the recorder reports that it is ready.
    Launching,
    /// The agent's process was started.
    AgentStarted {
        /// The process id.
        pid: u32,
    },
    /// The agent accepts prompts.
    AgentReady {
        /// The version of the agent, if it reports one.
        version: Option<String>,
        /// The agent's own id of the session, if it reports one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_session_id: Option<String>,
    },
    /// A turn began.
    TurnStarted {
        /// The prompt that the turn began with.
        prompt_id: PromptId,
        /// The delivery of the prompt.
        delivery: PromptDelivery,
    },
    /// The agent has begun to work on a prompt that was sent to it. A `message` of the user only
    /// reports that the prompt was sent.
    PromptTaken {
        /// The prompt, which is not the first one of the session.
        prompt_id: PromptId,
    },
    /// The agent has not accepted a prompt that was sent to it, and will not.
    PromptLost {
        /// The prompt, which is not the first one of the session.
        prompt_id: PromptId,
    },
    /// A turn ended.
    TurnEnded {
        /// The prompt that the turn began with; `None` from a recorder of an earlier version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        prompt_id: Option<PromptId>,
        /// The outcome of the turn.
        outcome: TurnOutcome,
    },
    /// The agent began or ended work without a turn: a tool call, or the wait for a permission.
    Activity {
        /// Its activity from now on.
        activity: Activity,
    },
    /// Every process of the session is frozen.
    Paused,
    /// Not every process of the session could be frozen. Those that were are resumed, so the
    /// session continues.
    PauseFailed {
        /// The reason as text.
        reason: String,
    },
    /// The processes continue. A shutdown in a pause resumes them without this record.
    Resumed,
    /// No process of the agent is left. It is the last record.
    Ended(AgentEnd),
}

/// The outcome of a turn.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum TurnOutcome {
    /// The agent finished the turn.
    Completed,
    /// The turn was interrupted on request.
    Interrupted,
    /// The agent could not complete the turn.
    Failed {
        /// The reason as text.
        reason: String,
    },
}

/// The end of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentEnd {
    /// The exit code, if it exited.
    pub exit_code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// The description of the end: a failed start, an end during a turn, or the forced step of the
    /// shutdown.
    pub reason: Option<String>,
    /// The number of remaining processes that had to be killed.
    pub swept: u32,
    /// The cause of the end; `None` if the agent was never started, and from a recorder of an
    /// earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<EndCause>,
}

/// The cause of an agent's end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EndCause {
    /// The attendant ended it after it had finished.
    Finished,
    /// The attendant stopped or killed it.
    #[serde(rename = "told")]
    Requested,
    /// No attendant was attached for too long after its turn.
    Unattended,
    /// The recorder received a termination signal.
    Signalled,
    /// It ran longer than the session's time limit.
    TimedOut,
    /// It was idle longer than the session's idle limit.
    Idle,
    /// It failed to become ready, or not in time.
    NotReady,
    /// It did not end its turn after an interruption.
    InterruptIgnored,
    /// The agent exited by itself, or closed its output.
    Agent,
}
