//! What a session's recorder tells: the agent's events, and the facts of its life.

use ah_rest_api_contract::{EventPayload, PromptDelivery, PromptId, Timestamp};
use serde::{Deserialize, Serialize};

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
        /// What it calls the session, when it tells.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        agent_session_id: Option<String>,
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
    /// It could not become ready, or not in time.
    NotReady,
    /// Nobody: it went by itself, or closed its output.
    Agent,
}
