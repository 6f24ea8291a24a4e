//! The catalogue of agents (contract §0.18).

use std::fmt;

use crate::constructor::constructor;
use serde::{Deserialize, Serialize};

/// The type of an agent, such as `scenario` or `opencode`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct AgentType(String);

impl AgentType {
    /// Creates the type called `name`. Only the catalogue can tell if it exists.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Returns the name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for AgentType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// The capabilities of an agent under the access point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentCapabilities {
    /// The agent can resume an ended conversation.
    pub resume: bool,
    /// The agent accepts a prompt during a turn.
    pub steer: bool,
    /// The agent requests permissions before it acts.
    pub permissions: bool,
    /// The agent accepts images in prompts.
    pub images: bool,
    /// The agent reports the usage of a turn.
    pub usage: bool,
}

/// The state of an agent's program on the executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Installation {
    /// The program is installed.
    Installed {
        /// The version that the program reports; absent if it reports none.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// The program is not installed.
    Missing {
        /// The missing part, and instructions to install it.
        hint: String,
    },
}

/// An agent that tasks can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Agent {
    /// The type by which tasks name the agent.
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    /// The name of the driver that runs the agent.
    pub driver: String,
    /// A description in one line.
    pub description: String,
    /// The versions that a task can request; empty if only the installed version can run.
    pub versions: Vec<String>,
    /// The state of its program.
    pub installation: Installation,
    /// Its capabilities.
    pub capabilities: AgentCapabilities,
    /// The URL of the JSON Schema of its `settings`.
    pub settings_schema_ref: String,
}

constructor! {
    /// Creates an agent without known versions.
    Agent::new(agent_type: AgentType, driver: String, description: String, installation: Installation, capabilities: AgentCapabilities, settings_schema_ref: String);
    or versions: Vec<String> = Vec::new();
}
