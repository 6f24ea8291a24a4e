//! The launch spec of a recorder.

use std::collections::BTreeMap;
use std::path::PathBuf;

use ah_rest_api_contract::{PermissionPolicy, PromptContent, PromptId, SessionId};
use ah_sandbox::Confinement;
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

    /// Returns true if agents of this kind accept a prompt in the middle of a turn.
    pub(crate) const fn can_steer(self) -> bool {
        match self {
            Self::Scenario => true,
            // ACP has no such request; each prompt is a turn.
            Self::Acp => false,
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
    /// The version of the installed program, if it is known. The agent's own report replaces it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The agent's own settings.
    pub settings: Map<String, Value>,
}

/// The sandbox of an agent, and the program that enters it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SandboxLaunch {
    /// The command line of the program, without its options.
    pub command: Vec<String>,
    /// The sandbox. The recorder adds the places of the session.
    pub confinement: Confinement,
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
    /// The sandbox of the agent; `None` gives it the permissions of the recorder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sandbox: Option<SandboxLaunch>,
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
