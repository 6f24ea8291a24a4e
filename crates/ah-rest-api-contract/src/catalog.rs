//! The agents there are (contract §0.18).

use std::fmt;

use serde::{Deserialize, Serialize};

/// What a task names an agent by, such as `scenario` or `opencode`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(transparent)]
pub struct AgentType(String);

impl AgentType {
    /// The type called `name`. Whether there is one is for the catalogue to say.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self(name.into())
    }

    /// Its name.
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

/// What an agent can do under the access point.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct AgentCapabilities {
    /// Take up an ended conversation again.
    pub resume: bool,
    /// Take a prompt in the middle of a turn.
    pub steer: bool,
    /// Ask leave before it acts.
    pub permissions: bool,
    /// Take pictures in prompts.
    pub images: bool,
    /// Tell what a turn has used.
    pub usage: bool,
}

/// Whether an agent's program is on the executor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum Installation {
    /// It is, with this version where the program tells one.
    Installed {
        /// What the program says of its version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        version: Option<String>,
    },
    /// It is not.
    Missing {
        /// What is missing, and how to install it.
        hint: String,
    },
}

/// An agent that tasks can name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Agent {
    /// What a task names it by.
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    /// How it is driven.
    pub driver: String,
    /// What it is, in a line.
    pub description: String,
    /// The versions a task may ask for; empty when only the installed one can run.
    pub versions: Vec<String>,
    /// Whether its program is there.
    pub installation: Installation,
    /// What it can do.
    pub capabilities: AgentCapabilities,
    /// Where the JSON Schema of its `settings` is.
    pub settings_schema_ref: String,
}
