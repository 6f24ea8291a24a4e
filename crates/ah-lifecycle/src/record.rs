//! What a session is besides what clients see of it.

use std::collections::BTreeMap;
use std::fmt;

use ah_rest_api_contract::{Permission, PermissionAnswer, PermissionPolicy, Session, SessionId};
use serde::{Deserialize, Serialize};

/// How often a session was changed by a decision. A decision is written only against the version
/// that it was made on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Version(pub u64);

/// How often a session has changed its owner. What a former owner sends late carries an old fence
/// and is refused.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Fence(pub u64);

/// How far a recorder's journal was taken into the log, in bytes from its start.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct JournalPosition(pub u64);

/// Names one running engine.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EngineId(pub String);

impl fmt::Display for EngineId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// How a session is meant to end, once that is decided. It says which terminal status follows
/// when no process is left.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "as", rename_all = "snake_case")]
pub enum Ending {
    /// The agent has finished: *completed*, or *failed* as it was.
    Complete,
    /// Somebody stopped it: *stopped*.
    Stop,
    /// Somebody cancelled it: *cancelled*, and its workspace goes.
    Cancel,
    /// The engine ends it: *failed*, for this reason.
    Fail {
        /// Why, in words.
        reason: String,
    },
}

/// How an agent's last turn ended. It decides what becomes of a session that is idle.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "turn", rename_all = "snake_case")]
pub enum TurnEnd {
    /// The agent had finished.
    Completed,
    /// Somebody interrupted it, to say something else.
    Interrupted,
    /// It could not go on.
    Failed {
        /// Why, in words.
        reason: String,
    },
}

/// What it takes to launch a session and is not for clients to see.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Launch {
    /// Where the repository is, credentials included; absent when there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The commit that the task asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// Environment variables for the agent.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    /// What the agent may do without asking.
    pub permissions: PermissionPolicy,
    /// How long the session may take from its start, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How long it may wait for a prompt, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_timeout_ms: Option<u64>,
    /// Who launched it.
    pub author: String,
}

impl fmt::Debug for Launch {
    /// Without the repository's address and the environment, which may hold secrets.
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

/// A session with what belongs to its machine.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionRecord {
    /// What clients see. Its `recent_events` are filled in.
    pub session: Session,
    /// What it takes to launch it.
    pub launch: Launch,
    /// How often it was changed by a decision.
    pub version: Version,
    /// How often it has changed its owner.
    pub fence: Fence,
    /// The engine that runs it, while one does.
    pub owner: Option<EngineId>,
    /// How it is meant to end, once that is decided.
    pub ending: Option<Ending>,
    /// Whether the agent's turn is to be interrupted, and was not yet.
    pub interrupt_requested: bool,
    /// How the agent's last turn ended; absent before the first end.
    pub last_turn: Option<TurnEnd>,
    /// What its agent calls it, when it has told: what the agent would be asked for to go on with
    /// it in another process.
    pub agent_session_id: Option<String>,
    /// How far its recorder's journal was taken into the log.
    pub journal: JournalPosition,
    /// Whether lists leave it out.
    pub hidden: bool,
}

impl SessionRecord {
    /// A session that was just created, and that nobody runs yet.
    #[must_use]
    pub const fn new(session: Session, launch: Launch) -> Self {
        Self {
            session,
            launch,
            version: Version(0),
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

    /// Names the session.
    #[must_use]
    pub const fn id(&self) -> SessionId {
        self.session.id
    }
}

/// A permission request with the answer that is on its way to the agent.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionRecord {
    /// What clients see.
    pub permission: Permission,
    /// The answer that was given and that the agent was not yet told, with who gave it.
    pub answer: Option<(PermissionAnswer, String)>,
}
