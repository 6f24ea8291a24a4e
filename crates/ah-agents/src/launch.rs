//! What a recorder is told when it starts, and where it leaves what it writes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{PermissionPolicy, PromptContent, PromptId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{HomePlan, Inheritance};

/// How an agent is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// The built-in agent that plays a scenario file.
    Scenario,
    /// Any agent that speaks the Agent Client Protocol over its standard input and output.
    Acp,
}

impl DriverKind {
    /// Its name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Acp => "acp",
        }
    }
}

/// How an agent is started: what the catalogue makes of a task's choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentProgram {
    /// Which agent it is, by the name that tasks choose it by. A driver goes by it where agents
    /// that speak alike do not behave alike.
    pub agent_type: String,
    /// How it is spoken to.
    pub driver: DriverKind,
    /// Its command line, no shell.
    pub argv: Vec<String>,
    /// What its environment has besides what it inherits.
    pub env: BTreeMap<String, String>,
    /// What it inherits of the recorder's environment.
    #[serde(default)]
    pub inherits: Inheritance,
    /// What it has of a home of its own; `None` when it lives in the user's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<HomePlan>,
    /// The model that the agent is asked for by its protocol; `None` when its command line or its
    /// environment has chosen already, or nobody has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Settings of the agent's own.
    pub settings: Map<String, Value>,
}

/// All that a recorder needs to run one agent. It is the file `launch.json` of the session's
/// folder, mode 0600.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchSpec {
    /// The session.
    pub session_id: SessionId,
    /// The agent.
    pub agent: AgentProgram,
    /// The agent's working folder.
    pub workspace: PathBuf,
    /// The first prompt.
    pub prompt: PromptContent,
    /// Names the first prompt.
    pub prompt_id: PromptId,
    /// Who said the first prompt.
    pub author: String,
    /// What the agent may do without asking.
    pub permissions: PermissionPolicy,
    /// Whether the session waits for prompts when a turn is over. If it does not, and nobody is
    /// attached for `orphan_idle_ms` after a turn, the recorder ends the agent by itself.
    pub interactive: bool,
    /// How long an idle agent is kept that nobody is attached to, in milliseconds.
    pub orphan_idle_ms: u64,
    /// How long the agent may run in all, in milliseconds from its start. The recorder holds it to
    /// this also when nobody attends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// How long an interactive agent may be idle, in milliseconds from the end of its turn. The
    /// recorder holds it to this also when nobody attends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// The fence of whoever starts the recorder. The agent is started only when an attendant has
    /// come whose fence is no lower, so that an owner who was replaced in the meantime starts
    /// nothing. `None` starts it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// How long each step of ending the agent may take before the next one, in milliseconds.
    pub stop_grace_ms: u64,
    /// How long the agent may take from its start until it can take a prompt, in milliseconds.
    pub ready_ms: u64,
}

/// The folder in which a session's recorder keeps its things.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFolder(PathBuf);

impl SessionFolder {
    /// The folder at `path`, which need not exist yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The launch spec. It is written whole, under another name, and renamed.
    #[must_use]
    pub fn launch(&self) -> PathBuf {
        self.0.join("launch.json")
    }

    /// The journal: one [`crate::protocol::JournalRecord`] a line, only ever appended to.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// Locked by the recorder for as long as it lives, so that there is never a second one and
    /// anybody can tell whether there is one.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("recorder.lock")
    }

    /// The control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// The agent's home, where it has one of its own; gone once the agent is.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// The agent's folder for temporary files, where it has a home of its own; gone once the agent
    /// is. It is not above the home: Codex refuses to be at home below the temporary folder.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// The path of the session's control group, where it has one.
    #[must_use]
    pub fn cgroup(&self) -> PathBuf {
        self.0.join("cgroup")
    }

    /// What the recorder and the agent's standard error say, bounded.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("recorder.log")
    }
}
