//! The routes of the REST API, declared once.
//!
//! [`ALL`] is what a server serves, what its OpenAPI document describes and what a client calls;
//! tests hold each of them against it. The functions build the paths a client asks for, with
//! every part encoded.

mod paths;

use std::fmt;

pub use paths::*;

use Method::{Delete, Get, Post, Put};

/// Where the API is on a server. Its major version is in the path.
pub const BASE: &str = "/api/v1";

/// What a request does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Method {
    /// Reads.
    Get,
    /// Makes, or asks for something to be done.
    Post,
    /// Replaces.
    Put,
    /// Removes.
    Delete,
}

impl Method {
    /// The word on the wire.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whom a route answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Auth {
    /// Anybody who can reach the server: it tells nothing of anybody's work.
    None,
    /// Whoever has a credential; without one it is a 401.
    Key,
}

/// One operation of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Route {
    /// What the request does.
    pub method: Method,
    /// Where, from the server's root; what varies stands in braces, as in `/tasks/{id}`.
    pub path: &'static str,
    /// What the OpenAPI document calls it: unique, and the name of the [`crate::TaskManager`]
    /// method behind it, where there is one.
    pub operation_id: &'static str,
    /// Whom it answers.
    pub auth: Auth,
    /// What it does, in a line.
    pub summary: &'static str,
}

impl Route {
    /// Whether a request for `path` (without a query) is one of this route's.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let mut asked = path.split('/');
        let fits = self.path.split('/').all(|segment| {
            asked.next().is_some_and(|given| {
                given == segment || (segment.starts_with('{') && !given.is_empty())
            })
        });
        fits && asked.next().is_none()
    }
}

const fn keyed(
    method: Method,
    path: &'static str,
    operation_id: &'static str,
    summary: &'static str,
) -> Route {
    Route {
        method,
        path,
        operation_id,
        auth: Auth::Key,
        summary,
    }
}

const fn open(path: &'static str, operation_id: &'static str, summary: &'static str) -> Route {
    Route {
        method: Get,
        path,
        operation_id,
        auth: Auth::None,
        summary,
    }
}

/// Every route, by resource.
#[rustfmt::skip] // One route a line.
pub const ALL: &[Route] = &[
    keyed(Post, "/api/v1/tasks", "launch_task", "Launch a task"),
    keyed(Get, "/api/v1/tasks/{id}", "get_task", "A task and its sessions"),

    keyed(Get, "/api/v1/sessions", "list_sessions", "A page of sessions, newest first"),
    keyed(Get, "/api/v1/sessions/{id}", "get_session", "A session"),
    keyed(Delete, "/api/v1/sessions/{id}", "cancel_session", "End a session at once and give up its workspace"),
    keyed(Post, "/api/v1/sessions/{id}/stop", "stop_session", "End a session"),
    keyed(Post, "/api/v1/sessions/{id}/interrupt", "interrupt_session", "End the agent's current turn"),
    keyed(Post, "/api/v1/sessions/{id}/pause", "pause_session", "Freeze every process of a session"),
    keyed(Post, "/api/v1/sessions/{id}/resume", "resume_session", "Let a paused session go on"),
    keyed(Post, "/api/v1/sessions/{id}/prompt", "prompt_session", "Say something to a session's agent"),
    keyed(Get, "/api/v1/sessions/{id}/prompts", "list_prompts", "A session's prompts and what became of them"),
    keyed(Delete, "/api/v1/sessions/{id}/prompts/{promptId}", "withdraw_prompt", "Take back a prompt that still waits"),
    keyed(Get, "/api/v1/sessions/{id}/permissions", "list_permissions", "A session's permission requests and what became of them"),
    keyed(Post, "/api/v1/sessions/{id}/permissions/{requestId}", "answer_permission", "Answer a permission request"),
    keyed(Get, "/api/v1/sessions/{id}/events", "session_events", "A session's events, as a stream or a page of history"),
    keyed(Get, "/api/v1/sessions/{id}/logs", "list_session_logs", "A session's log lines"),
    keyed(Get, "/api/v1/sessions/{id}/files", "list_session_files", "The files that a session changed"),
    keyed(Get, "/api/v1/sessions/{id}/diff", "get_session_diff", "What a session changed, as a diff"),
    keyed(Get, "/api/v1/events", "all_events", "The events of many sessions, as one stream"),

    keyed(Post, "/api/v1/drafts", "create_draft", "Save a new draft"),
    keyed(Get, "/api/v1/drafts", "list_drafts", "The drafts, the last saved first"),
    keyed(Get, "/api/v1/drafts/{id}", "get_draft", "A draft"),
    keyed(Put, "/api/v1/drafts/{id}", "update_draft", "Change the fields of a draft that are given"),
    keyed(Delete, "/api/v1/drafts/{id}", "delete_draft", "Delete a draft"),

    keyed(Get, "/api/v1/repositories", "list_repositories", "The repositories that tasks were launched on"),
    keyed(Get, "/api/v1/repos", "list_repos", "The same list as `/repositories`"),
    keyed(Get, "/api/v1/repositories/{id}", "get_repository", "A repository"),
    keyed(Get, "/api/v1/repositories/{id}/branches", "list_branches", "The branches of a repository"),

    keyed(Get, "/api/v1/agents", "list_agents", "The agents that tasks can name"),
    // A router's parameter is a whole segment, so the file's ending is part of it.
    keyed(Get, "/api/v1/schemas/agents/{file}", "get_agent_schema", "The JSON Schema of an agent's settings"),

    open("/health", "health", "Whether the server is alive"),
    open("/ready", "ready", "Whether the server takes requests"),
    open("/metrics", "metrics", "Measurements, for Prometheus"),
    keyed(Get, "/api/v1/health/deep", "deep_health", "The state of all that the server depends on"),
    open("/api/v1/version", "version", "Which version the server is"),
    open("/api/v1/openapi.json", "openapi", "This API's OpenAPI document"),
    open("/api/docs", "docs", "This API's documentation, for reading"),
    open("/errors/{slug}", "explain_error", "What a kind of problem means and what to do"),
];
