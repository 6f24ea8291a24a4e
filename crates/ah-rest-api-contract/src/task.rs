//! Launching a task (contract §0.10, §3, §4.1).

mod launch;
mod options;
mod repo;
mod request;
mod rules;

use serde::{Deserialize, Serialize};

pub use launch::{TaskLaunchParams, TaskLaunchParamsBuilder};
pub use options::{
    DevcontainerPolicy, RuntimePolicy, RuntimeResources, UnsandboxedPolicy, WebhookRequest,
    WorkDelivery, WorkDeliveryMode, WorkspaceConfig,
};
pub use repo::{RepoConfig, RepoMode};
pub(crate) use request::open_runtime;
pub use request::{AgentSelection, CreateTask, Priority, RuntimeConfig, RuntimeType};
pub(crate) use rules::check_labels;

use crate::{SessionId, SessionLinks, SessionStatus, TaskId, Timestamp};

/// The response to `POST /tasks`: a launched task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct LaunchedTask {
    /// The id of the task.
    pub task_id: TaskId,
    /// The ids of its sessions, in the order of the request.
    #[serde(rename = "session_ids")]
    pub session_ids: Vec<SessionId>,
    /// Always `queued`.
    pub status: SessionStatus,
    /// The links of its first session.
    pub links: SessionLinks,
}

impl LaunchedTask {
    /// Creates the response to the launch of `first` and further sessions, which are queued.
    #[must_use]
    pub fn new(task_id: TaskId, first: SessionId, further: &[SessionId]) -> Self {
        Self {
            task_id,
            session_ids: [&[first], further].concat(),
            status: SessionStatus::Queued,
            links: SessionLinks::of(first),
        }
    }
}

/// A task and its sessions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct Task {
    /// The id of the task.
    pub id: TaskId,
    /// The request, without the values of `env`.
    pub request: CreateTask,
    /// The ids of its sessions, in the order of the request.
    #[serde(rename = "session_ids")]
    pub session_ids: Vec<SessionId>,
    /// The time of the launch.
    pub created_at: Timestamp,
}

impl Task {
    /// Creates a task from its parts. The request has no values of `env`.
    #[must_use]
    pub const fn new(
        id: TaskId,
        request: CreateTask,
        session_ids: Vec<SessionId>,
        created_at: Timestamp,
    ) -> Self {
        Self {
            id,
            request,
            session_ids,
            created_at,
        }
    }
}
