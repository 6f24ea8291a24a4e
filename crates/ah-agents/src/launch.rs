//! The launch spec of a recorder, and the paths of the files that it writes.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{PermissionPolicy, PromptContent, PromptId, SessionId};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{HomePlan, Inheritance};

/// The protocol of an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DriverKind {
    /// The built-in agent, which plays a scenario file.
    Scenario,
    /// An agent that speaks the Agent Client Protocol over its standard input and output.
    Acp,
}

impl DriverKind {
    /// Returns the name on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scenario => "scenario",
            Self::Acp => "acp",
        }
    }
}

/// The program of an agent, as the catalogue resolves it from a task's choice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AgentProgram {
    /// The name by which tasks select the agent. A driver uses it for agents whose behaviour
    /// differs within one protocol.
    pub agent_type: String,
    /// The protocol that it speaks.
    pub driver: DriverKind,
    /// The command line, without a shell.
    pub argv: Vec<String>,
    /// The environment variables in addition to the inherited ones.
    pub env: BTreeMap<String, String>,
    /// The variables that it inherits from the recorder's environment.
    #[serde(default)]
    pub inherits: Inheritance,
    /// The plan of its own home; `None` if it uses the user's home.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub home: Option<HomePlan>,
    /// The model to select through the protocol; `None` if the command line or the environment
    /// selects one, or if none was chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The agent's own settings.
    pub settings: Map<String, Value>,
}

/// The complete input of a recorder that runs one agent. It is the file `launch.json` of the
/// session's folder, mode 0600.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchSpec {
    /// The session.
    pub session_id: SessionId,
    /// The agent.
    pub agent: AgentProgram,
    /// The agent's working directory.
    pub workspace: PathBuf,
    /// The first prompt.
    pub prompt: PromptContent,
    /// The id of the first prompt.
    pub prompt_id: PromptId,
    /// The author of the first prompt.
    pub author: String,
    /// The policy for the agent's permission requests.
    pub permissions: PermissionPolicy,
    /// True if the session waits for prompts after a turn. If false, the recorder ends the agent
    /// once it has been idle without an attendant for `orphan_idle_ms`.
    pub interactive: bool,
    /// The maximum time that an idle agent is kept without an attendant, in milliseconds.
    pub orphan_idle_ms: u64,
    /// The maximum run time of the agent, in milliseconds from its start. The recorder enforces it
    /// also without an attendant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
    /// The maximum idle time of an interactive agent, in milliseconds from the end of its turn. The
    /// recorder enforces it also without an attendant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub idle_ms: Option<u64>,
    /// The fence of the owner that starts the recorder. The agent is started only when an attendant
    /// with at least this fence is there, so that a replaced owner starts no agent. `None` starts
    /// it at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fence: Option<u64>,
    /// The grace period of each step of the agent's shutdown, in milliseconds.
    pub stop_grace_ms: u64,
    /// The maximum time from the agent's start until it accepts a prompt, in milliseconds.
    pub ready_ms: u64,
}

/// The folder of a session's recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFolder(PathBuf);

impl SessionFolder {
    /// Returns the folder at `path`, which need not exist yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the launch spec, which is written atomically by a rename.
    #[must_use]
    pub fn launch(&self) -> PathBuf {
        self.0.join("launch.json")
    }

    /// Returns the path of the journal: one [`ah_lifecycle::JournalRecord`] per line,
    /// append-only.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// Returns the path of the lock file. The recorder holds the lock as long as it lives, so that
    /// there is at most one, and that a query shows if it is alive.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("recorder.lock")
    }

    /// Returns the path of the control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// Returns the path of the agent's own home, if it has one. It is removed when the agent has
    /// ended.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// Returns the path of the temporary folder of an agent with its own home. It is removed when
    /// the agent has ended. It is not above the home: Codex refuses a home below the temporary
    /// folder.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Returns the path of the file that names the session's control group, if it has one.
    #[must_use]
    pub fn cgroup(&self) -> PathBuf {
        self.0.join("cgroup")
    }

    /// Returns the path of the settings of the built-in agent, if it is the agent. They are removed
    /// when the agent has ended.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.0.join("scenario.json")
    }

    /// Removes the files that hold secrets or serve a live recorder: the launch specs, finished or
    /// not, the settings of the built-in agent, and the control socket. The recorder must be gone.
    ///
    /// # Errors
    /// Returns the first error of a removal, after removing the other files.
    pub fn remove_private(&self) -> io::Result<()> {
        let mut removed = Ok(());
        let mut remove = |path: &Path| match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => removed = Err(error),
            _ => {}
        };
        for path in [self.launch(), self.settings(), self.socket()] {
            remove(&path);
        }
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return removed,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            // The name of a launch spec that its writer did not finish.
            if path.extension().is_some_and(|extension| extension == "new") {
                remove(&path);
            }
        }
        removed
    }

    /// Returns the path of the log of the recorder and the agent's standard error, which is
    /// bounded.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("recorder.log")
    }
}
