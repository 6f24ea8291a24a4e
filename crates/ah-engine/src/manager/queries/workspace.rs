//! Reading a session's workspace, which the end of the session may remove meanwhile.

use std::time::Duration;

use ah_rest_api_contract::{
    DiffQuery, ErrorKind, FileEntry, FileQuery, Page, SessionDiff, SessionId, TaskManagerError,
};

use crate::manager::LocalTaskManager;
use crate::shortage;
use ah_executor::{ExecutorError, WorkspaceLost};

/// The number of attempts to read a workspace. An agent changes it during a read.
const READ_ATTEMPTS: u32 = 3;
/// The wait between two attempts.
const READ_PAUSE: Duration = Duration::from_millis(50);

impl LocalTaskManager {
    /// Returns a page of the changed files.
    pub(in crate::manager) async fn read_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError> {
        let executor = &self.core.executor;
        let (_, files) = self.read_workspace(id, || executor.changes(id)).await?;
        Ok(query.select(files))
    }

    /// Returns the diff of the changes.
    pub(in crate::manager) async fn read_diff(
        &self,
        id: SessionId,
        query: &DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError> {
        let executor = &self.core.executor;
        self.read_workspace(id, || executor.diff(id, query)).await
    }

    /// Reads the workspace with `read`. If that fails, the session is looked at again: the cause
    /// may be that its workspace is being removed.
    async fn read_workspace<T, F>(
        &self,
        id: SessionId,
        read: impl Fn() -> F + Send + Sync,
    ) -> Result<T, TaskManagerError>
    where
        F: Future<Output = Result<T, ExecutorError>> + Send,
    {
        let mut attempt = 1;
        loop {
            self.check_workspace(id).await?;
            let error = match read().await {
                Ok(value) => return Ok(value),
                Err(error) => error,
            };
            self.check_workspace(id).await?;
            if WorkspaceLost::caused(&error) {
                return Err(TaskManagerError::new(
                    ErrorKind::Gone,
                    format!("the workspace of session `{id}` no longer exists"),
                )
                .caused_by(error));
            }
            if attempt == READ_ATTEMPTS {
                return Err(unreadable(id, error));
            }
            attempt += 1;
            tokio::time::sleep(READ_PAUSE).await;
        }
    }

    /// Checks that the session has a workspace that is not being removed.
    async fn check_workspace(&self, id: SessionId) -> Result<(), TaskManagerError> {
        let record = self.core.store.session(id).await?;
        Ok(ah_lifecycle::readable_workspace(&record).map(drop)?)
    }
}

/// Logs the error of a workspace that cannot be read, and returns one for clients, without the
/// words of git and without paths of this host.
fn unreadable(id: SessionId, error: ExecutorError) -> TaskManagerError {
    let shown = &error as &dyn std::error::Error;
    tracing::error!(session.id = %id, error = shown, "a workspace cannot be read");
    let (kind, detail) = if shortage::caused(&error) {
        (
            ErrorKind::Unavailable,
            "the host lacks the resources to read the session's workspace; try again in a moment",
        )
    } else {
        (
            ErrorKind::Internal,
            "the session's workspace could not be read; the server's log has the cause",
        )
    };
    TaskManagerError::new(kind, detail).caused_by(error)
}
