//! The body of `POST /tasks`, and its parts.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::{Map, Value};
use validator::Validate;

use super::options::{RuntimeResources, WebhookRequest, WorkDelivery, WorkspaceConfig};
use super::repo::RepoConfig;
use super::rules::{TIMEOUT_MS_MAX, check_argument, check_env, check_labels};
use crate::object::objects;
use crate::word::{self, words};
use crate::{AgentType, PermissionPolicy, PromptContent, number};

/// The word for the installed version of an agent.
const VERSION_LATEST: &str = "latest";

/// The kind of runtime of an agent.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum RuntimeType {
    /// The executor's host, in its sandbox.
    #[default]
    Local,
    /// A development container, as the repository describes it.
    Devcontainer,
    /// The executor's host without a sandbox, if the access point allows it.
    Disabled,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The runtime of an agent.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct RuntimeConfig {
    /// The kind of runtime.
    #[serde(rename = "type")]
    pub runtime_type: RuntimeType,
    /// The description of the development container, relative to the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(
        length(min = 1, max = 4096, message = "must have 1 to 4096 characters"),
        custom(function = "check_argument")
    )]
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 4096,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
        )
    )]
    pub devcontainer_path: Option<String>,
    /// The computing resources; unlimited if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(nested)]
    pub resources: Option<RuntimeResources>,
}

/// An agent of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSelection {
    /// The type, from the catalogue of agents.
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    /// The version to run; the installed one if absent, empty or `latest`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(
        length(max = 64, message = "must have at most 64 characters"),
        custom(function = "check_argument")
    )]
    #[cfg_attr(
        feature = "openapi",
        schema(max_length = 64, pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$")
    )]
    pub version: Option<String>,
    /// The model to use; the agent's default if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(
        length(min = 1, max = 128, message = "must have 1 to 128 characters"),
        custom(function = "check_argument")
    )]
    #[cfg_attr(
        feature = "openapi",
        schema(
            min_length = 1,
            max_length = 128,
            pattern = r"^[^\u0000-\u001f\u007f-\u009f]*$"
        )
    )]
    pub model: Option<String>,
    /// The number of sessions to launch with the agent.
    #[serde(default = "one", deserialize_with = "number::whole")]
    #[validate(range(min = 1, max = 100, message = "must be from 1 to 100"))]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 100, default = 1))]
    pub count: u32,
    /// The agent-specific settings. At most 1 MiB of JSON.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub settings: Map<String, Value>,
}

const fn one() -> u32 {
    1
}

impl AgentSelection {
    /// Selects one session of the agent `agent_type` with default settings.
    #[must_use]
    pub fn new(agent_type: impl Into<String>) -> Self {
        Self {
            agent_type: AgentType::new(agent_type),
            version: None,
            model: None,
            count: 1,
            settings: Map::new(),
        }
    }

    /// Returns the version to run; `None` stands for the installed one.
    #[must_use]
    pub fn wanted_version(&self) -> Option<&str> {
        let version = self.version.as_deref()?;
        (!matches!(version, "" | VERSION_LATEST)).then_some(version)
    }
}

/// The priority of a session in the queue.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Priority {
    /// Launch order.
    #[default]
    Normal,
    /// Before all sessions of normal priority.
    High,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A request to launch a task, not yet validated.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[cfg_attr(feature = "openapi", schema(examples(json!({
        "prompt": "Count the files here and write the number into COUNT.md",
        "repo": {"mode": "none"},
        "agents": [{"type": "scenario"}]
    }))))]
#[serde(remote = "Self", rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTask {
    /// The prompt for the agent. At most 256 KiB of content.
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::PromptInput))]
    pub prompt: PromptContent,
    /// The repository to work on.
    #[validate(nested)]
    #[cfg_attr(feature = "openapi", schema(value_type = crate::openapi::RepoInput))]
    pub repo: RepoConfig,
    /// The runtime of the agents; the executor's host if absent.
    #[serde(default)]
    #[validate(nested)]
    pub runtime: RuntimeConfig,
    /// The workspace of the sessions; the access point's choice if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(nested)]
    pub workspace: Option<WorkspaceConfig>,
    /// The agents: `count` sessions are launched for each. 1 to 32 entries, at most 200 sessions.
    #[validate(
        length(min = 1, max = 32, message = "must have 1 to 32 entries"),
        nested
    )]
    #[cfg_attr(feature = "openapi", schema(min_items = 1, max_items = 32))]
    pub agents: Vec<AgentSelection>,
    /// The tenant; that of the credential if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 128, message = "must have 1 to 128 characters"))]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    pub tenant_id: Option<String>,
    /// The project; that of the credential if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 128, message = "must have 1 to 128 characters"))]
    #[cfg_attr(feature = "openapi", schema(min_length = 1, max_length = 128))]
    pub project_id: Option<String>,
    /// Labels, as names and values, for searches. At most 64, keys up to 63 characters, values up
    /// to 256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[validate(custom(function = "check_labels"))]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::labels))]
    pub labels: BTreeMap<String, String>,
    /// The priority of the sessions in the queue.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = "normal"))]
    pub priority: Priority,
    /// True if the sessions wait for prompts after a turn instead of ending.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(default = false))]
    pub interactive: bool,
    /// The time limit of a session from its start, in milliseconds, up to 7 days; unlimited if
    /// absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number::whole_or_none"
    )]
    #[validate(range(min = 1, max = TIMEOUT_MS_MAX, message = "must be from 1 to 604800000"))]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 604_800_000))]
    pub timeout_ms: Option<u64>,
    /// The time limit for an interactive session to wait for a prompt, in milliseconds, up to 7
    /// days; the server's limit if absent.
    #[serde(
        default,
        skip_serializing_if = "Option::is_none",
        deserialize_with = "number::whole_or_none"
    )]
    #[validate(range(min = 1, max = TIMEOUT_MS_MAX, message = "must be from 1 to 604800000"))]
    #[cfg_attr(feature = "openapi", schema(minimum = 1, maximum = 604_800_000))]
    pub idle_timeout_ms: Option<u64>,
    /// The permission policy for the agent.
    #[serde(default)]
    pub permissions: PermissionPolicy,
    /// Environment variables for the agent, with names that the server allows. At most 64, values
    /// up to 32 KiB, and at most 256 KiB together.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[validate(custom(function = "check_env"))]
    #[cfg_attr(feature = "openapi", schema(schema_with = crate::openapi::environment))]
    pub env: BTreeMap<String, String>,
    /// The delivery of the work; the branch of the session if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(nested)]
    pub delivery: Option<WorkDelivery>,
    /// The calls to make when events occur. At most 16.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[validate(length(max = 16, message = "must have at most 16 entries"), nested)]
    #[cfg_attr(feature = "openapi", schema(max_items = 16))]
    pub webhooks: Vec<WebhookRequest>,
}

objects!(RuntimeConfig, AgentSelection, CreateTask);

impl CreateTask {
    /// Creates a task with one session: `prompt` on `repo` by the agent `agent_type`.
    #[must_use]
    pub fn new(
        prompt: impl Into<PromptContent>,
        repo: RepoConfig,
        agent_type: impl Into<String>,
    ) -> Self {
        Self {
            prompt: prompt.into(),
            repo,
            runtime: RuntimeConfig::default(),
            workspace: None,
            agents: vec![AgentSelection::new(agent_type)],
            tenant_id: None,
            project_id: None,
            labels: BTreeMap::new(),
            priority: Priority::default(),
            interactive: false,
            timeout_ms: None,
            idle_timeout_ms: None,
            permissions: PermissionPolicy::default(),
            env: BTreeMap::new(),
            delivery: None,
            webhooks: Vec::new(),
        }
    }
}

words!(input RuntimeType, Priority);

/// Deserializes the runtime of a response, which may have fields of a newer server.
pub(crate) fn open_runtime<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<RuntimeConfig, D::Error> {
    #[derive(Deserialize)]
    struct Open {
        #[serde(rename = "type", deserialize_with = "word::open")]
        runtime_type: RuntimeType,
    }
    Open::deserialize(deserializer).map(|Open { runtime_type }| RuntimeConfig {
        runtime_type,
        ..RuntimeConfig::default()
    })
}
