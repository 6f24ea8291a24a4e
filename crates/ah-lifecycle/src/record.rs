//! The state of a session, including the part that clients do not see.

use std::collections::BTreeMap;
use std::fmt;

use ah_rest_api_contract::{Permission, PermissionAnswer, PermissionPolicy, Session, SessionId};
use serde::{Deserialize, Serialize};

/// The number of decisions that have changed a session. A decision is written only against the
/// version that it was made on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionVersion(pub u64);

/// The number of owner changes of a session. A late request of a former owner carries an old fence
/// and is refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// The position up to which a recorder's journal is in the log, in bytes from its start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct JournalPosition(pub u64);

/// The id of a running engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EngineId(pub String);

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The intended end of a session, once it is decided. It determines the terminal status that
/// follows when no process is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Ending {
    /// The agent has finished: *completed*, or *failed* if there was a fault.
    Complete,
    /// The session was stopped on request: *stopped*.
    Stop,
    /// The session was cancelled on request: *cancelled*, and its workspace is removed.
    Cancel,
    /// The engine ends the session: *failed*, for this reason.
    Fail {
        /// The reason as text.
        reason: String,
    },
}

/// The outcome of an agent's last turn. It decides how an idle session continues.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum TurnEnd {
    /// The agent finished the turn.
    Completed,
    /// The turn was interrupted, and a prompt is expected.
    Interrupted,
    /// The agent could not complete the turn.
    Failed {
        /// The reason as text.
        reason: String,
    },
}

/// The parameters of a launch that clients must not see.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// The address of the repository, including credentials; absent if there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The commit that the task requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Environment variables for the agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// The policy for permission requests.
    pub permissions: PermissionPolicy,
    /// The maximum duration of the session from its start, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The maximum time that it waits for a prompt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
    /// The author of the launch.
    pub author: String,
    /// The names of the preferred workspace providers; the host's own order if empty.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshot_preference: Vec<String>,
    /// Warnings for the log of the session once it has a workspace.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub remarks: Vec<String>,
}

impl Launch {
    /// Creates the parameters of a launch by `author`, without a repository and without limits.
    #[must_use]
    pub fn new(author: impl Into<String>) -> Self {
        Self {
            source: None,
            commit: None,
            env: BTreeMap::new(),
            permissions: PermissionPolicy::default(),
            timeout_ms: None,
            idle_timeout_ms: None,
            author: author.into(),
            snapshot_preference: Vec::new(),
            remarks: Vec::new(),
        }
    }
}

impl fmt::Debug for Launch {
    /// Omits the repository's address and the environment, which may hold secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Launch")
            .field("env", &self.env.keys().collect::<Vec<_>>())
            .field("permissions", &self.permissions)
            .field("timeout_ms", &self.timeout_ms)
            .field("idle_timeout_ms", &self.idle_timeout_ms)
            .field("author", &self.author)
            .finish_non_exhaustive()
    }
}

/// A session with the state of its machine.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// The part that clients see, with its `recent_events`.
    pub session: Session,
    /// The parameters of its launch.
    pub launch: Launch,
    /// The number of decisions that have changed it.
    pub version: SessionVersion,
    /// The number of its owner changes.
    pub fence: Fence,
    /// The engine that runs it, if any.
    pub owner: Option<EngineId>,
    /// The intended end, once it is decided.
    pub ending: Option<Ending>,
    /// True if the interruption of the agent's turn was requested and is not done yet.
    pub interrupt_requested: bool,
    /// The outcome of the agent's last turn; absent in a turn, and before the first one.
    pub last_turn: Option<TurnEnd>,
    /// The agent's own id of the session, once it was reported. It is needed to resume the session
    /// in another process.
    pub agent_session_id: Option<String>,
    /// The position up to which its recorder's journal is in the log.
    pub journal: JournalPosition,
    /// True if lists omit it.
    pub hidden: bool,
}

impl SessionRecord {
    /// Creates the record of a new session without an owner.
    #[must_use]
    pub const fn new(session: Session, launch: Launch) -> Self {
        Self {
            session,
            launch,
            version: SessionVersion(0),
            fence: Fence(0),
            owner: None,
            ending: None,
            interrupt_requested: false,
            last_turn: None,
            agent_session_id: None,
            journal: JournalPosition(0),
            hidden: false,
        }
    }

    /// Returns true if the agent is in a turn, or about to begin its first one.
    #[must_use]
    pub const fn is_in_turn(&self) -> bool {
        self.last_turn.is_none()
    }

    /// Returns the id of the session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.session.id
    }
}

/// A permission request, with the answer that the agent has yet to receive.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionRecord {
    /// The part that clients see.
    pub permission: Permission,
    /// The answer that the agent has not received yet, and its author.
    pub answer: Option<(PermissionAnswer, String)>,
}
