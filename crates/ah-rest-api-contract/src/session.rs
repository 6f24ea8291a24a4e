//! A session as clients see it (contract §0.9).

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::word::{self, words};
use crate::{
    Activity, AgentType, ChangeSummary, EventSeq, ExecutorId, PageRequest, Priority, PromptContent,
    RepoMode, RuntimeConfig, SessionDebug, SessionEvent, SessionId, SessionIsolation,
    SessionStatus, Summarized, TaskId, Timestamp, Usage, operations::paths,
};

/// The maximum number of recent events in a session.
pub const RECENT_EVENTS_MAX: usize = 3;
/// The maximum length of [`Session::last_message`], in characters.
pub const LAST_MESSAGE_CHARS_MAX: usize = 500;
/// The maximum length of the prompt of a session's [`SessionView::Summary`], in characters.
pub const SUMMARY_PROMPT_CHARS_MAX: usize = 200;

/// One run of one agent in one workspace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Session {
    /// The id of the session.
    pub id: SessionId,
    /// The tenant of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// The project of the session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project_id: Option<String>,
    /// The task that launched the session.
    pub task_id: TaskId,
    /// The status.
    pub status: SessionStatus,
    /// The current activity; only while the session is running.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub activity: Option<Activity>,
    /// The reason for the status, as text, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The agent's exit code, once it has exited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exit_code: Option<i32>,
    /// The text of the initial prompt.
    pub prompt: String,
    /// The content of the initial prompt; absent from a summary.
    #[serde(
        default = "PromptContent::left_out",
        deserialize_with = "crate::content::open_prompt",
        skip_serializing_if = "PromptContent::is_empty"
    )]
    pub prompt_blocks: PromptContent,
    /// The repository of the session.
    pub repo: SessionRepo,
    /// The runtime of the session.
    #[serde(deserialize_with = "crate::task::open_runtime")]
    pub runtime: RuntimeConfig,
    /// The agent of the session.
    pub agent: SessionAgent,
    /// The workspace, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub workspace: Option<SessionWorkspace>,
    /// Labels, as names and values, for searches.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// The priority of the session in the queue.
    #[serde(deserialize_with = "word::open")]
    pub priority: Priority,
    /// True if the session waits for prompts after a turn instead of ending.
    pub interactive: bool,
    /// The time of the launch.
    pub created_at: Timestamp,
    /// The time of the last event.
    pub updated_at: Timestamp,
    /// The time at which the agent started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub started_at: Option<Timestamp>,
    /// The time at which the session ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<Timestamp>,
    /// The sequence number of the last event in its log.
    pub last_seq: EventSeq,
    /// The last thoughts, tool runs and edits, oldest first, at most 3; empty after the session
    /// ended.
    #[serde(rename = "recent_events", default)]
    #[cfg_attr(feature = "openapi", schema(max_items = 3))]
    pub recent_events: Vec<SessionEvent>,
    /// The text of the agent's last message, at most 500 characters. A longer one is cut and ends
    /// with `…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_message: Option<String>,
    /// The size of its changes. Absent until files have changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<ChangeSummary>,
    /// The total usage, once the agent has reported it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub usage: Option<Usage>,
    /// The session from which it was branched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent_session_id: Option<SessionId>,
    /// The links to related resources.
    pub links: SessionLinks,
    /// True if this is a summary: an item of a list without its large parts, as with `view=summary`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_summary: bool,
}

impl Session {
    /// Creates a queued session with an empty log, without a repository.
    #[must_use]
    pub fn new(
        id: SessionId,
        task_id: TaskId,
        agent: SessionAgent,
        prompt: PromptContent,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            tenant_id: None,
            project_id: None,
            task_id,
            status: SessionStatus::Queued,
            activity: None,
            reason: None,
            exit_code: None,
            prompt: prompt.text(),
            prompt_blocks: prompt,
            repo: SessionRepo::none(),
            runtime: RuntimeConfig::default(),
            agent,
            workspace: None,
            labels: BTreeMap::new(),
            priority: Priority::default(),
            interactive: false,
            created_at,
            updated_at: created_at,
            started_at: None,
            ended_at: None,
            last_seq: EventSeq::START,
            recent_events: Vec::new(),
            last_message: None,
            changes: None,
            usage: None,
            parent_session_id: None,
            links: SessionLinks::of(id),
            is_summary: false,
        }
    }

    /// Returns a title for lists: the first line of the prompt that is not blank, or an empty text.
    #[must_use]
    pub fn title(&self) -> &str {
        first_line(&self.prompt)
    }

    /// Returns the session in this view.
    #[must_use]
    pub fn viewed_as(mut self, view: SessionView) -> Self {
        match view {
            SessionView::Full => {}
            SessionView::Summary => {
                self.prompt = excerpt(self.title(), SUMMARY_PROMPT_CHARS_MAX);
                self.prompt_blocks = PromptContent::left_out();
                self.recent_events.clear();
                self.agent.settings.clear();
                self.is_summary = true;
            }
        }
        self
    }
}

impl Summarized for Session {
    fn into_summary(self) -> Self {
        self.viewed_as(SessionView::Summary)
    }
}

/// The parts of each session that a list contains.
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
pub enum SessionView {
    /// The whole session. A page has at most 4 MiB of whole sessions; the others are summaries.
    #[default]
    Full,
    /// The session without its large parts, for lists that are read often: `prompt` is the title of
    /// the session, at most 200 characters, and the content of the prompt, the recent events and the
    /// settings of the agent are left out. It is marked with `isSummary`.
    Summary,
}

/// Returns the first line of a text that is not blank, or an empty text.
pub(crate) fn first_line(text: &str) -> &str {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| !line.is_empty()).unwrap_or_default()
}

/// Returns the first `max` characters of a text, and `…` if there are more.
pub(crate) fn excerpt(text: &str, max: usize) -> String {
    match text.char_indices().nth(max) {
        Some((end, _)) => format!("{}…", text[..end].trim_end()),
        None => text.to_owned(),
    }
}

/// The repository of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionRepo {
    /// The kind of repository.
    #[serde(deserialize_with = "word::open")]
    pub mode: RepoMode,
    /// The address of the repository, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The requested branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit at which the session started; before the workspace exists, the requested commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
}

impl SessionRepo {
    /// Creates the reference to no repository: an empty folder.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: RepoMode::None,
            url: None,
            branch: None,
            commit: None,
        }
    }

    /// Creates a reference to the repository at `url`, which holds no credentials.
    #[must_use]
    pub fn git(url: impl Into<String>) -> Self {
        Self {
            mode: RepoMode::Git,
            url: Some(url.into()),
            branch: None,
            commit: None,
        }
    }
}

/// The agent of a session.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionAgent {
    /// The type of the agent.
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    /// The version of the agent that runs; absent while it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// The requested model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// The agent-specific settings.
    #[serde(default)]
    #[cfg_attr(feature = "openapi", schema(value_type = Object))]
    pub settings: Map<String, Value>,
}

impl SessionAgent {
    /// Creates the agent of this type, of unknown version, without a requested model and settings.
    #[must_use]
    pub fn new(agent_type: AgentType) -> Self {
        Self {
            agent_type,
            version: None,
            model: None,
            settings: Map::new(),
        }
    }

    /// Sets the version.
    #[must_use]
    pub fn with_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }
}

/// The method by which a workspace was created.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum WorkspaceProvider {
    /// A checkout of the repository, with a git folder and a branch of its own.
    Worktree,
    /// The same, on top of a checkout that sessions of the commit share, by an overlay file system.
    /// Only what differs is in the workspace.
    Overlay,
    /// An empty folder with its own git repository, which tracks the changes.
    Empty,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The workspace of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionWorkspace {
    /// The method by which it was created.
    pub provider: WorkspaceProvider,
    /// The path on its executor.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub path: PathBuf,
    /// The host of the workspace.
    pub executor_id: ExecutorId,
    /// The branch with the session's work, in the access point's copy of the repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The providers that were considered before it and not used.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOverProvider>,
    /// The isolation of the session's agent; absent if its executor has no sandbox.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(value_type = Option<SessionIsolation>))]
    pub isolation: Option<Box<SessionIsolation>>,
}

/// A workspace provider that was not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct PassedOverProvider {
    /// Its name, as the task or the configuration has it.
    pub provider: String,
    /// The reason, as a clause for people.
    pub reason: String,
}

impl PassedOverProvider {
    /// Creates the entry of a provider with the reason.
    #[must_use]
    pub fn new(provider: impl Into<String>, reason: impl Into<String>) -> Self {
        Self {
            provider: provider.into(),
            reason: reason.into(),
        }
    }
}

impl SessionWorkspace {
    /// Creates the workspace at `path` on this executor's host, without a branch.
    #[must_use]
    pub fn new(
        provider: WorkspaceProvider,
        path: impl Into<PathBuf>,
        executor_id: ExecutorId,
    ) -> Self {
        Self {
            provider,
            path: path.into(),
            executor_id,
            branch: None,
            passed_over: Vec::new(),
            isolation: None,
        }
    }

    /// Sets the providers that were not used.
    #[must_use]
    pub fn with_passed_over(mut self, passed_over: Vec<PassedOverProvider>) -> Self {
        self.passed_over = passed_over;
        self
    }

    /// Sets the isolation.
    #[must_use]
    pub fn with_isolation(mut self, isolation: impl Into<Option<SessionIsolation>>) -> Self {
        self.isolation = isolation.into().map(Box::new);
        self
    }

    /// Sets the branch.
    #[must_use]
    pub fn with_branch(mut self, branch: impl Into<Option<String>>) -> Self {
        self.branch = branch.into();
        self
    }
}

/// Links to the parts of a session, as relative URLs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct SessionLinks {
    /// The session.
    #[serde(rename = "self")]
    pub this: String,
    /// The events of the session.
    pub events: String,
    /// The log lines of the session.
    pub logs: String,
}

impl SessionLinks {
    /// Returns the links of the session `id`.
    #[must_use]
    pub fn of(id: SessionId) -> Self {
        Self {
            this: paths::get_session(id),
            events: paths::session_events(id),
            logs: paths::list_session_logs(id),
        }
    }
}

/// The hosts that a session runs on, and the address of its events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SessionInfo {
    /// The session.
    pub id: SessionId,
    /// Its status.
    pub status: SessionStatus,
    /// Its hosts.
    pub fleet: Fleet,
    /// The addresses of its parts.
    pub endpoints: SessionEndpoints,
    /// The state of the parts that run it, if the access point runs sessions itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub debug: Option<SessionDebug>,
}

impl SessionInfo {
    /// The hosts and addresses of `session`.
    #[must_use]
    pub fn of(session: &Session) -> Self {
        let workspace = session.workspace.as_ref();
        Self {
            id: session.id,
            status: session.status,
            fleet: Fleet {
                leader: workspace.map(|workspace| workspace.executor_id.clone()),
                followers: Vec::new(),
            },
            endpoints: SessionEndpoints {
                events: paths::session_events(session.id),
            },
            debug: None,
        }
    }
}

/// The hosts of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Fleet {
    /// The host that runs the agent; absent without a workspace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leader: Option<ExecutorId>,
    /// The hosts that only run commands of the session, by name.
    pub followers: Vec<Follower>,
}

/// A host that only runs commands of a session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Follower {
    /// Its name.
    pub name: String,
    /// Its operating system.
    pub os: String,
    /// Its state of health.
    pub health: String,
}

/// The addresses of a session's parts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SessionEndpoints {
    /// The path of its events.
    pub events: String,
}

/// A query for a page of sessions, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SessionQuery {
    /// Only sessions with one of these statuses; all if empty. Cancelled sessions are listed only
    /// if requested here or with `include_archived`.
    pub statuses: Vec<SessionStatus>,
    /// Only sessions of this agent.
    pub agent: Option<AgentType>,
    /// Only sessions of this project.
    pub project_id: Option<String>,
    /// Only sessions of this tenant.
    pub tenant_id: Option<String>,
    /// Only sessions of this task.
    pub task_id: Option<TaskId>,
    /// Only sessions with all of these labels.
    pub labels: BTreeMap<String, String>,
    /// Only sessions on the repository at this address, without credentials.
    pub repository: Option<String>,
    /// Only sessions that were launched at or after this time.
    pub created_after: Option<Timestamp>,
    /// Only sessions that were launched before this time.
    pub created_before: Option<Timestamp>,
    /// Includes hidden sessions.
    pub include_archived: bool,
    /// The parts of each session to return.
    pub view: SessionView,
    /// The page to return.
    pub page: PageRequest,
}

words!(open WorkspaceProvider);
words!(closed SessionView);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn title_is_the_first_line_of_the_prompt_with_text() {
        let title = |prompt: &str| {
            let id = "01JZAAAAAAAAAAAAAAAAAAAAA1";
            let mut session = Session::new(
                id.parse().unwrap(),
                id.parse().unwrap(),
                SessionAgent::new(AgentType::new("scenario")),
                PromptContent::new(Vec::new()),
                Timestamp::from_unix_millis(0),
            );
            prompt.clone_into(&mut session.prompt);
            session.title().to_owned()
        };
        assert_eq!(title("\n  Add a greeting \nand test it"), "Add a greeting");
        assert_eq!(title(" \n"), "");
    }

    #[test]
    fn excerpt_is_cut_between_characters() {
        assert_eq!(excerpt("日本語", 3), "日本語");
        assert_eq!(excerpt("日本語です", 3), "日本語…");
        assert_eq!(excerpt("one two", 4), "one…");
    }
}
