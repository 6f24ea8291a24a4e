//! The workspaces of sessions, as a list.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::word::{self, words};
use crate::{ExecutorId, PageRequest, Session, SessionId, TaskId, Timestamp, WorkspaceProvider};

/// The state of a workspace.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum WorkspaceStatus {
    /// Its session has not ended.
    Active,
    /// Its session has ended, and its files can still be read.
    Kept,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

words!(open WorkspaceStatus);

/// A workspace on a host: the files of one session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
#[non_exhaustive]
pub struct WorkspaceInfo {
    /// The id of the workspace, which is that of its session.
    pub id: SessionId,
    /// Its state.
    #[serde(deserialize_with = "word::open")]
    pub status: WorkspaceStatus,
    /// The host of the workspace.
    pub executor_id: ExecutorId,
    /// The method by which it was created.
    pub provider: WorkspaceProvider,
    /// The path on its executor.
    #[cfg_attr(feature = "openapi", schema(value_type = String))]
    pub path: PathBuf,
    /// The address of its repository, without credentials.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repository_url: Option<String>,
    /// The time of the launch of its session.
    pub created_at: Timestamp,
    /// The time since the launch, in seconds.
    pub age: u64,
    /// The time of the last event of its session.
    pub last_activity: Timestamp,
    /// The tasks that used it, the last one first.
    pub task_history: Vec<TaskId>,
}

impl WorkspaceInfo {
    /// Describes the workspace of a session at the time `now`, if it has one.
    #[must_use]
    pub fn of(session: &Session, now: Timestamp) -> Option<Self> {
        let workspace = session.workspace.as_ref()?;
        Some(Self {
            id: session.id,
            status: match session.status.is_terminal() {
                true => WorkspaceStatus::Kept,
                false => WorkspaceStatus::Active,
            },
            executor_id: workspace.executor_id.clone(),
            provider: workspace.provider,
            path: workspace.path.clone(),
            repository_url: session.repo.url.clone(),
            created_at: session.created_at,
            age: now.since(session.created_at).as_secs(),
            last_activity: session.updated_at,
            task_history: vec![session.task_id],
        })
    }
}

/// A query for the workspaces of sessions that are not hidden, the newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorkspaceQuery {
    /// Only workspaces in one of these states; all if empty.
    pub statuses: Vec<WorkspaceStatus>,
    /// The page to return.
    pub page: PageRequest,
}

impl WorkspaceQuery {
    /// Returns true if workspaces in this state are wanted.
    #[must_use]
    pub fn wants(&self, status: WorkspaceStatus) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }
}
