//! Launching a task (contract §0.10, §3, §4.1).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use validator::{Validate, ValidationError};

use crate::{
    AgentType, FieldErrors, PermissionPolicy, PromptContent, RepositorySource, SessionId,
    SessionLinks, SessionStatus, TaskId, Timestamp,
};

const PROMPT_BYTES_MAX: usize = 256 * 1024;
const SESSIONS_MAX: u32 = 200;
const SETTINGS_BYTES_MAX: usize = 1024 * 1024;
const TIMEOUT_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;

/// Whether a session works on a repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RepoMode {
    /// On a git repository, in a worktree of its own.
    Git,
    /// On files that the client sends.
    Upload,
    /// On none, in an empty folder.
    None,
}

/// What a session works on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[validate(schema(function = "check_repo"))]
pub struct RepoConfig {
    /// Whether there is a repository.
    pub mode: RepoMode,
    /// Where it is: an absolute path of the executor's host, a URL, or `user@host:path`.
    /// Required for `git`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_source"))]
    pub url: Option<String>,
    /// The branch to begin at; the repository's HEAD when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_branch"))]
    pub branch: Option<String>,
    /// The commit to begin at, in hexadecimal (4 to 64 digits); the head of the branch when
    /// absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(custom(function = "check_commit"))]
    pub commit: Option<String>,
}

impl RepoConfig {
    /// The repository at `url`, at its HEAD.
    #[must_use]
    pub fn git(url: impl Into<String>) -> Self {
        Self {
            mode: RepoMode::Git,
            url: Some(url.into()),
            branch: None,
            commit: None,
        }
    }

    /// No repository: an empty folder.
    #[must_use]
    pub const fn none() -> Self {
        Self {
            mode: RepoMode::None,
            url: None,
            branch: None,
            commit: None,
        }
    }
}

/// Where an agent runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuntimeType {
    /// On the executor's host, as its user.
    #[default]
    Local,
    /// In the repository's development container.
    Devcontainer,
    /// With no isolation of any kind.
    Disabled,
}

/// Where an agent runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RuntimeConfig {
    /// The kind of place.
    #[serde(rename = "type")]
    pub runtime_type: RuntimeType,
}

/// An agent of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSelection {
    /// Its type, one of the catalogue's.
    #[serde(rename = "type")]
    pub agent_type: AgentType,
    /// The version to run; the installed one when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 64, message = "must have 1 to 64 characters"))]
    pub version: Option<String>,
    /// The model it uses; its own default when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 128, message = "must have 1 to 128 characters"))]
    pub model: Option<String>,
    /// How many sessions of it to launch.
    #[serde(default = "one")]
    #[validate(range(min = 1, max = 100, message = "must be from 1 to 100"))]
    pub count: u32,
    /// Settings of the agent's own.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub settings: Map<String, Value>,
}

const fn one() -> u32 {
    1
}

impl AgentSelection {
    /// One session of the agent `agent_type`, as it comes.
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
}

/// Which queued session goes first.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// In the order of launch.
    #[default]
    Normal,
    /// Before all normal ones.
    High,
}

/// The body of `POST /tasks`: a wish, not yet judged. [`TaskLaunchParams`] is the judged one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, Validate)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct CreateTask {
    /// What the agent is asked. At most 256 KiB of content.
    pub prompt: PromptContent,
    /// What it works on.
    #[validate(nested)]
    pub repo: RepoConfig,
    /// Where it runs; on the executor's host when absent.
    #[serde(default)]
    pub runtime: RuntimeConfig,
    /// The agents: one session for each, times its count. 1 to 32 entries, at most 200 sessions.
    #[validate(
        length(min = 1, max = 32, message = "must have 1 to 32 entries"),
        nested
    )]
    pub agents: Vec<AgentSelection>,
    /// The tenant; taken from the credential when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 128, message = "must have 1 to 128 characters"))]
    pub tenant_id: Option<String>,
    /// The project; taken from the credential when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(length(min = 1, max = 128, message = "must have 1 to 128 characters"))]
    pub project_id: Option<String>,
    /// Names and values to find the sessions by. At most 64, keys up to 63 characters, values up
    /// to 256.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[validate(custom(function = "check_labels"))]
    pub labels: BTreeMap<String, String>,
    /// Which queued session goes first.
    #[serde(default)]
    pub priority: Priority,
    /// Whether the sessions wait for prompts when a turn is over, instead of ending.
    #[serde(default)]
    pub interactive: bool,
    /// How long a session may take from its start, in milliseconds, up to 7 days; as long as it
    /// needs when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(range(min = 1, max = TIMEOUT_MS_MAX, message = "must be from 1 to 604800000"))]
    pub timeout_ms: Option<u64>,
    /// How long an interactive session may wait for a prompt, in milliseconds, up to 7 days; the
    /// server's own limit when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[validate(range(min = 1, max = TIMEOUT_MS_MAX, message = "must be from 1 to 604800000"))]
    pub idle_timeout_ms: Option<u64>,
    /// What the agent may do without asking.
    #[serde(default)]
    pub permissions: PermissionPolicy,
    /// Environment variables for the agent, of the names that the server allows. At most 64,
    /// values up to 32 KiB.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[validate(custom(function = "check_env"))]
    pub env: BTreeMap<String, String>,
}

impl CreateTask {
    /// The task of one session: `prompt` on `repo` by the agent `agent_type`.
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
        }
    }
}

/// A task that may be launched: made from a [`CreateTask`] only after every field was judged.
#[derive(Clone, Debug, PartialEq)]
pub struct TaskLaunchParams {
    request: CreateTask,
    source: Option<RepositorySource>,
}

impl TaskLaunchParams {
    /// Begins a task of one session; [`TaskLaunchParamsBuilder::build`] judges it.
    #[must_use]
    pub fn builder(
        prompt: impl Into<PromptContent>,
        repo: RepoConfig,
        agent_type: impl Into<String>,
    ) -> TaskLaunchParamsBuilder {
        TaskLaunchParamsBuilder {
            request: CreateTask::new(prompt, repo, agent_type),
        }
    }

    /// What was asked for.
    #[must_use]
    pub const fn request(&self) -> &CreateTask {
        &self.request
    }

    /// Where the repository is; absent when the task has none.
    #[must_use]
    pub const fn source(&self) -> Option<&RepositorySource> {
        self.source.as_ref()
    }
}

impl TryFrom<CreateTask> for TaskLaunchParams {
    type Error = FieldErrors;

    fn try_from(request: CreateTask) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if let Err(found) = request.validate() {
            errors.absorb("", &found);
        }
        request.prompt.check("prompt", &mut errors);
        if request.prompt.size_bytes() > PROMPT_BYTES_MAX {
            errors.add(
                "prompt",
                format!("must have at most {PROMPT_BYTES_MAX} bytes"),
            );
        }
        request.permissions.check("permissions", &mut errors);
        let sessions: u64 = request
            .agents
            .iter()
            .map(|agent| u64::from(agent.count))
            .sum();
        if sessions > u64::from(SESSIONS_MAX) {
            errors.add(
                "agents",
                format!("must launch at most {SESSIONS_MAX} sessions"),
            );
        }
        for (index, agent) in request.agents.iter().enumerate() {
            let size = Value::Object(agent.settings.clone()).to_string().len();
            if size > SETTINGS_BYTES_MAX {
                errors.add(
                    format!("agents[{index}].settings"),
                    format!("must have at most {SETTINGS_BYTES_MAX} bytes of JSON"),
                );
            }
        }
        let source = match request.repo.mode {
            RepoMode::Git => request
                .repo
                .url
                .as_deref()
                .and_then(|url| RepositorySource::parse(url).ok()),
            RepoMode::Upload | RepoMode::None => None,
        };
        errors.into_result(Self { request, source })
    }
}

/// Builds a [`TaskLaunchParams`].
#[derive(Clone, Debug)]
pub struct TaskLaunchParamsBuilder {
    request: CreateTask,
}

impl TaskLaunchParamsBuilder {
    /// Changes the request before it is judged.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut CreateTask)) -> Self {
        change(&mut self.request);
        self
    }

    /// Judges the request.
    ///
    /// # Errors
    /// Names every field at fault.
    pub fn build(self) -> Result<TaskLaunchParams, FieldErrors> {
        self.request.try_into()
    }
}

/// A task that was launched: the reply to `POST /tasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LaunchedTask {
    /// Names the task.
    pub task_id: TaskId,
    /// Its sessions, in the order of the request.
    #[serde(rename = "session_ids")]
    pub session_ids: Vec<SessionId>,
    /// Always `queued`.
    pub status: SessionStatus,
    /// Where its first session is.
    pub links: SessionLinks,
}

/// A task and its sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Task {
    /// Names it.
    pub id: TaskId,
    /// What was asked for, without the values of `env`.
    pub request: CreateTask,
    /// Its sessions, in the order of the request.
    #[serde(rename = "session_ids")]
    pub session_ids: Vec<SessionId>,
    /// When it was launched.
    pub created_at: Timestamp,
}

fn failed(message: impl Into<std::borrow::Cow<'static, str>>) -> ValidationError {
    ValidationError::new("rule").with_message(message.into())
}

fn check_source(url: &str) -> Result<(), ValidationError> {
    RepositorySource::parse(url).map(|_| ()).map_err(failed)
}

/// What the fields of a repository mean together; single fields have their own rules.
fn check_repo(repo: &RepoConfig) -> Result<(), ValidationError> {
    // A rule over a whole struct names the field at fault by its code.
    if repo.mode == RepoMode::Git && repo.url.is_none() {
        return Err(
            ValidationError::new("url").with_message("is required for a git repository".into())
        );
    }
    Ok(())
}

/// The rules of `git check-ref-format` for a branch, and no leading dash.
fn check_branch(branch: &str) -> Result<(), ValidationError> {
    let bad_char = |c: char| c.is_control() || " ~^:?*[\\\u{7f}".contains(c);
    let bad_segment = |s: &str| s.is_empty() || s.starts_with('.') || s.ends_with(".lock");
    let bad = branch.len() > 244
        || branch == "@"
        || branch.starts_with('-')
        || branch.ends_with('.')
        || branch.contains("..")
        || branch.contains("@{")
        || branch.chars().any(bad_char)
        || branch.split('/').any(bad_segment);
    if bad {
        Err(failed("is not a branch name"))
    } else {
        Ok(())
    }
}

fn check_commit(commit: &str) -> Result<(), ValidationError> {
    let good = (4..=64).contains(&commit.len()) && commit.chars().all(|c| c.is_ascii_hexdigit());
    if good {
        Ok(())
    } else {
        Err(failed("must be 4 to 64 hexadecimal digits"))
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), ValidationError> {
    if labels.len() > 64 {
        return Err(failed("must be at most 64"));
    }
    for (key, value) in labels {
        let good = |c: char| c.is_ascii_alphanumeric() || "._-/".contains(c);
        if key.is_empty() || key.len() > 63 || !key.chars().all(good) {
            return Err(failed(format!(
                "has the key `{key}`; keys have 1 to 63 of a-z, A-Z, 0-9, `.`, `_`, `-` and `/`"
            )));
        }
        if value.len() > 256 {
            return Err(failed(format!("has over 256 bytes under `{key}`")));
        }
    }
    Ok(())
}

fn check_env(env: &BTreeMap<String, String>) -> Result<(), ValidationError> {
    if env.len() > 64 {
        return Err(failed("must be at most 64"));
    }
    for (name, value) in env {
        let first = |c: char| c.is_ascii_alphabetic() || c == '_';
        let rest = |c: char| c.is_ascii_alphanumeric() || c == '_';
        if !name.starts_with(first) || !name.chars().all(rest) || name.len() > 128 {
            return Err(failed(format!(
                "has `{name}`, which is not a variable's name"
            )));
        }
        if value.len() > 32 * 1024 || value.contains('\0') {
            return Err(failed(format!(
                "has a value under `{name}` that no variable can hold"
            )));
        }
    }
    Ok(())
}
