//! The paths that clients ask for.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::BASE;
use crate::{
    AgentType, DraftId, ErrorKind, PermissionId, PromptId, RepositoryId, SessionId, TaskId,
};

/// What a path segment does not carry as it is: all but the unreserved characters (RFC 3986 §2.3).
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// Whether the server is alive.
pub const HEALTH: &str = "/health";
/// Whether the server takes requests.
pub const READY: &str = "/ready";
/// Measurements.
pub const METRICS: &str = "/metrics";
/// The state of all that the server depends on.
pub const DEEP_HEALTH: &str = "/api/v1/health/deep";
/// Which version the server is.
pub const VERSION: &str = "/api/v1/version";
/// The OpenAPI document.
pub const OPENAPI: &str = "/api/v1/openapi.json";
/// The documentation.
pub const DOCS: &str = "/api/docs";
/// The tasks.
pub const TASKS: &str = "/api/v1/tasks";
/// The sessions.
pub const SESSIONS: &str = "/api/v1/sessions";
/// The events of many sessions.
pub const EVENTS: &str = "/api/v1/events";
/// The drafts.
pub const DRAFTS: &str = "/api/v1/drafts";
/// The repositories.
pub const REPOSITORIES: &str = "/api/v1/repositories";
/// The repositories, under a shorter name.
pub const REPOS: &str = "/api/v1/repos";
/// The agents.
pub const AGENTS: &str = "/api/v1/agents";

/// A task.
#[must_use]
pub fn task(id: TaskId) -> String {
    format!("{TASKS}/{id}")
}

/// A session.
#[must_use]
pub fn session(id: SessionId) -> String {
    format!("{SESSIONS}/{id}")
}

/// Where a session is told to end.
#[must_use]
pub fn session_stop(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/stop")
}

/// Where a session's turn is told to end.
#[must_use]
pub fn session_interrupt(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/interrupt")
}

/// Where a session is told to freeze.
#[must_use]
pub fn session_pause(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/pause")
}

/// Where a session is told to go on.
#[must_use]
pub fn session_resume(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/resume")
}

/// Where something is said to a session's agent.
#[must_use]
pub fn session_prompt(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/prompt")
}

/// A session's prompts.
#[must_use]
pub fn session_prompts(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/prompts")
}

/// One prompt of a session's queue.
#[must_use]
pub fn session_queued_prompt(id: SessionId, prompt: PromptId) -> String {
    format!("{SESSIONS}/{id}/prompts/{prompt}")
}

/// A session's permission requests.
#[must_use]
pub fn session_permissions(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/permissions")
}

/// Where a permission request is answered.
#[must_use]
pub fn session_permission(id: SessionId, request: PermissionId) -> String {
    format!("{SESSIONS}/{id}/permissions/{request}")
}

/// A session's events.
#[must_use]
pub fn session_events(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/events")
}

/// A session's log lines.
#[must_use]
pub fn session_logs(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/logs")
}

/// The files that a session changed.
#[must_use]
pub fn session_files(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/files")
}

/// What a session changed.
#[must_use]
pub fn session_diff(id: SessionId) -> String {
    format!("{SESSIONS}/{id}/diff")
}

/// A draft.
#[must_use]
pub fn draft(id: DraftId) -> String {
    format!("{DRAFTS}/{id}")
}

/// A repository.
#[must_use]
pub fn repository(id: RepositoryId) -> String {
    format!("{REPOSITORIES}/{id}")
}

/// The branches of a repository.
#[must_use]
pub fn repository_branches(id: RepositoryId) -> String {
    format!("{REPOSITORIES}/{id}/branches")
}

/// What a kind of problem means: also the `type` of its problem documents.
#[must_use]
pub fn error(kind: ErrorKind) -> String {
    kind.type_uri()
}

/// The JSON Schema of an agent's settings.
#[must_use]
pub fn agent_schema(agent_type: &AgentType) -> String {
    let name = utf8_percent_encode(agent_type.as_str(), SEGMENT);
    format!("{BASE}/schemas/agents/{name}.json")
}
