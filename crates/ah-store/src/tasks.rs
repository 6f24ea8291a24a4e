//! Tasks.

use ah_lifecycle::Launch;
use ah_rest_api_contract::{Receipt, RepositoryId, Session, Task, TaskId};
use async_trait::async_trait;

use crate::StoreError;

/// A task to create, with its sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// The task.
    pub task: Task,
    /// Its sessions, each `queued`, in the order of the request.
    pub sessions: Vec<(Session, Launch)>,
    /// The id of the task's repository if the store does not know its address yet. Addresses are
    /// compared without credentials.
    pub repository_id: RepositoryId,
    /// The display name of the repository; absent when the task has none.
    pub repository_name: Option<String>,
    /// The receipt to keep with the work, for a request that has an idempotency key.
    pub receipt: Option<Receipt>,
}

/// The tasks.
#[async_trait]
pub trait Tasks: Send + Sync {
    /// Creates a task, its sessions and the first `status` event of each in one transaction. Also
    /// records the use of the task's repository.
    async fn create_task(&self, task: NewTask) -> Result<(), StoreError>;

    /// Returns the task `id`.
    async fn task(&self, id: TaskId) -> Result<Task, StoreError>;
}
