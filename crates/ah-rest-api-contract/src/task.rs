//! Launching a task (contract §0.10, §3, §4.1).

mod launch;
mod request;
mod rules;

use serde::{Deserialize, Serialize};

pub use launch::{TaskLaunchParams, TaskLaunchParamsBuilder};
pub(crate) use request::open_runtime;
pub use request::{
    AgentSelection, CreateTask, Priority, RepoConfig, RepoMode, RuntimeConfig, RuntimeType,
};

use crate::{SessionId, SessionLinks, SessionStatus, TaskId, Timestamp};

/// A task that was launched: the reply to `POST /tasks`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
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
