//! The state of the parts that run a session, for finding out why one does not proceed.

use serde::{Deserialize, Serialize};

use crate::Timestamp;
use crate::constructor::constructor;
use crate::word::words;

/// The state of the parts that run a session.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SessionDebug {
    /// The engine that owns the session, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// The number of owner changes of the session.
    pub fence: u64,
    /// The position up to which the recorder's journal is in the log, in bytes.
    pub journal_position: u64,
    /// The supervisor; absent if another process owns the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub supervisor: Option<SupervisorInfo>,
    /// The recorder, if one runs and answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder: Option<RecorderInfo>,
    /// The reason why the recorder's state is not known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorder_error: Option<String>,
}

/// The state of a session's supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SupervisorInfo {
    /// The current work.
    pub phase: SupervisorPhase,
    /// The start of the phase.
    pub since: Timestamp,
    /// The number of consecutive attempts without progress.
    pub attempts_without_progress: u32,
    /// The number of failures since the supervisor was started.
    pub failures: u32,
    /// The last failure, with its causes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

impl SupervisorInfo {
    /// Creates the state of a supervisor that starts.
    #[must_use]
    pub const fn starting(now: Timestamp) -> Self {
        Self {
            phase: SupervisorPhase::Starting,
            since: now,
            attempts_without_progress: 0,
            failures: 0,
            last_error: None,
        }
    }

    /// Returns true if the supervisor is between two attempts.
    #[must_use]
    pub fn is_retrying(&self) -> bool {
        self.phase == SupervisorPhase::BackingOff
    }
}

/// The work of a supervisor.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum SupervisorPhase {
    /// It reads the session and looks for its recorder.
    Starting,
    /// It creates the workspace and starts the recorder.
    BringingUp,
    /// It attaches to the recorder.
    Attaching,
    /// It is attached to the recorder.
    Attached,
    /// It reads the rest of the journal of a recorder that has ended.
    Recovering,
    /// It ends the remaining processes and writes the end of the session.
    Concluding,
    /// It waits before the next attempt.
    BackingOff,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The state of a session's recorder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct RecorderInfo {
    /// The process id of the recorder.
    pub pid: u32,
    /// The process id of the agent, while it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_pid: Option<u32>,
    /// The protocol of the agent.
    pub driver: String,
    /// The state of the agent.
    pub agent: AgentState,
    /// The start of that state.
    pub since: Timestamp,
    /// True if all processes of the session are stopped.
    pub is_paused: bool,
    /// True if an access point is attached.
    pub is_attended: bool,
    /// True if the disk takes no data, so that the agent and its last records wait.
    #[serde(default)]
    pub is_waiting_for_disk: bool,
    /// The number of prompts that wait.
    pub waiting_prompts: u32,
    /// The number of pending permission requests.
    pub pending_permissions: u32,
    /// The time until the next deadline, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_deadline_ms: Option<u64>,
    /// The length of the journal, in bytes.
    pub journal_len: u64,
    /// The number of processes of the session, without the recorder.
    pub processes: u32,
}

constructor! {
    /// Creates the state of a recorder that has no agent process, no prompts and an empty journal.
    RecorderInfo::new(pid: u32, driver: String, agent: AgentState, since: Timestamp);
    optional agent_pid: u32;
    optional next_deadline_ms: u64;
    or is_paused: bool = false;
    or is_attended: bool = false;
    or is_waiting_for_disk: bool = false;
    or waiting_prompts: u32 = 0;
    or pending_permissions: u32 = 0;
    or journal_len: u64 = 0;
    or processes: u32 = 0;
}

/// The state of an agent, as its recorder sees it.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum AgentState {
    /// The recorder waits for an access point before it starts the agent.
    NotStarted,
    /// The agent was started and accepts no prompts yet.
    Starting,
    /// The agent waits for a prompt.
    Idle,
    /// The agent is in a turn.
    InTurn,
    /// The agent is shut down.
    ShuttingDown,
    /// The agent has ended.
    Ended,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

words!(open SupervisorPhase, AgentState);
