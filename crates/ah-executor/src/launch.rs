//! The start of an agent.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use ah_lifecycle::Fence;
use ah_rest_api_contract::{
    AgentSelection, PermissionPolicy, PromptContent, PromptId, SandboxProfile, SessionId,
};

/// The parameters of the start of a session's agent.
#[derive(Clone, Debug, PartialEq)]
pub struct AgentLaunch {
    /// The session.
    pub session: SessionId,
    /// The selected agent, which the executor resolves into a program of its host.
    pub agent: AgentSelection,
    /// The environment variables that the task sets.
    pub env: BTreeMap<String, String>,
    /// The agent's working directory on the executor's host.
    pub workspace: PathBuf,
    /// The sandbox profile of the agent.
    pub sandbox: SandboxProfile,
    /// The first prompt.
    pub prompt: PromptContent,
    /// The id of the first prompt.
    pub prompt_id: PromptId,
    /// The author of the first prompt.
    pub author: String,
    /// The policy for the agent's permission requests.
    pub permissions: PermissionPolicy,
    /// True if the session waits for prompts after a turn.
    pub interactive: bool,
    /// The fence of the owner that starts the agent. An owner that was replaced starts none.
    pub fence: Fence,
    /// The maximum time until the agent accepts a prompt.
    pub ready: Duration,
    /// The maximum run time of the agent.
    pub timeout: Option<Duration>,
    /// The maximum idle time of an interactive agent.
    pub idle: Duration,
    /// The maximum idle time of an agent without an attendant.
    pub orphan_idle: Duration,
    /// The grace period of each step of the agent's shutdown.
    pub stop_grace: Duration,
}
