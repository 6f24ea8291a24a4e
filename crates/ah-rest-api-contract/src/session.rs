//! A session as clients see it (contract §0.9).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::word::{self, words};
use crate::{
    Activity, AgentType, ChangeSummary, EventSeq, ExecutorId, PageRequest, Priority, PromptContent,
    RepoMode, RuntimeConfig, SessionEvent, SessionId, SessionStatus, TaskId, Timestamp, Usage,
    operations::paths,
};

/// How many recent events a session carries.
pub const RECENT_EVENTS_MAX: usize = 3;

/// One run of one agent in one workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Session {
    /// Names it.
    pub id: SessionId,
    /// The tenant it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The project it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// The task that launched it.
    pub task_id: TaskId,
    /// Where it is in its life.
    pub status: SessionStatus,
    /// What it is doing; only while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// Why it has this status, in words, where there is something to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The agent's exit code, once it exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The text of what the agent was asked.
    pub prompt: String,
    /// All of what the agent was asked.
    pub prompt_blocks: PromptContent,
    /// What it works on.
    pub repo: SessionRepo,
    /// Where it runs.
    #[serde(deserialize_with = "crate::task::open_runtime")]
    pub runtime: RuntimeConfig,
    /// Which agent.
    pub agent: SessionAgent,
    /// Its workspace, once it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<SessionWorkspace>,
    /// Names and values to find it by.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Which queued session goes first.
    #[serde(deserialize_with = "word::open")]
    pub priority: Priority,
    /// Whether it waits for prompts when a turn is over, instead of ending.
    pub interactive: bool,
    /// When it was launched.
    pub created_at: Timestamp,
    /// When it last changed.
    pub updated_at: Timestamp,
    /// When its agent started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// When it ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The place of the last event of its log.
    pub last_seq: EventSeq,
    /// The last thoughts, tool runs and edits, oldest first, at most 3; none
    /// once it ended.
    #[serde(rename = "recent_events", default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 3))]
    pub recent_events: Vec<SessionEvent>,
    /// How much it changed, once its workspace was looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeSummary>,
    /// What it has used, once the agent told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The session it was branched from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<SessionId>,
    /// Where the rest of it is.
    pub links: SessionLinks,
}

/// What a session works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionRepo {
    /// Whether there is a repository.
    #[serde(deserialize_with = "word::open")]
    pub mode: RepoMode,
    /// Where it is, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The branch it was asked to begin at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit it began at, once the workspace was made; before that, the one asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

/// Which agent a session runs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionAgent {
    /// Its type.
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    /// Its version.
    pub version: String,
    /// The model it was asked to use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Settings of its own.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub settings: Map<String, Value>,
}

/// How a workspace was made.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum WorkspaceProvider {
    /// A git worktree on a branch of its own.
    Worktree,
    /// An empty folder, made a repository of its own so that changes can be told.
    Empty,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// A session's workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionWorkspace {
    /// How it was made.
    pub provider: WorkspaceProvider,
    /// Where it is, on its executor.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub path: PathBuf,
    /// The host that has it.
    pub executor_id: ExecutorId,
    /// The branch that the session's work is on, in the access point's copy of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
}

/// Where the parts of a session are, as relative URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct SessionLinks {
    /// The session.
    #[serde(rename = "self")]
    pub this: String,
    /// Its events.
    pub events: String,
    /// Its log lines.
    pub logs: String,
}

impl SessionLinks {
    /// The links of the session `id`.
    #[must_use]
    pub fn of(id: SessionId) -> Self {
        Self {
            this: paths::get_session(id),
            events: paths::session_events(id),
            logs: paths::list_session_logs(id),
        }
    }
}

/// Which sessions are wanted, newest first, a page at a time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// Only those in one of these statuses; all when empty. Cancelled ones are only listed when
    /// they are asked for here or by `include_archived`.
    pub statuses: Vec<SessionStatus>,
    /// Only those of this agent.
    pub agent: Option<AgentType>,
    /// Only those of this project.
    pub project_id: Option<String>,
    /// Only those of this tenant.
    pub tenant_id: Option<String>,
    /// Only those of this task.
    pub task_id: Option<TaskId>,
    /// Whether hidden sessions are wanted too.
    pub include_archived: bool,
    /// Which page.
    pub page: PageRequest,
}

words!(open WorkspaceProvider);
