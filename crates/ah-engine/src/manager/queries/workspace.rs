//! Reading a session's workspace, which the end of the session may remove meanwhile.

use std::error::Error;
use std::io;
use std::time::Duration;

use ah_rest_api_contract::{
    ContentQuery, DiffQuery, ErrorKind, FileContent, FileDetails, FileDiff, FileDiffQuery,
    FileEntry, FileNode, FileNodeQuery, FilePath, FileQuery, Page, SessionDiff, SessionId,
    SessionStatus, TaskManagerError,
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

    /// Returns a file or folder.
    pub(in crate::manager) async fn read_details(
        &self,
        id: SessionId,
        path: FilePath,
    ) -> Result<FileDetails, TaskManagerError> {
        let executor = &self.core.executor;
        let found = self.read_workspace(id, || executor.file(id, &path)).await?;
        found.ok_or_else(|| no_file(id, &path))
    }

    /// Returns a part of a file.
    pub(in crate::manager) async fn read_content(
        &self,
        id: SessionId,
        path: FilePath,
        query: ContentQuery,
    ) -> Result<FileContent, TaskManagerError> {
        let executor = &self.core.executor;
        let read = || executor.read_file(id, &path, query);
        let found = self.read_workspace(id, read).await?;
        found.ok_or_else(|| no_file(id, &path))
    }

    /// Returns a folder with its files.
    pub(in crate::manager) async fn read_folder(
        &self,
        id: SessionId,
        query: FileNodeQuery,
    ) -> Result<FileNode, TaskManagerError> {
        let executor = &self.core.executor;
        let read = || executor.list_files(id, &query);
        let found = self.read_workspace(id, read).await?;
        found.ok_or_else(|| {
            let path = query.path.map(|path| path.to_string()).unwrap_or_default();
            let detail = format!("session `{id}` has no folder `{path}`");
            TaskManagerError::new(ErrorKind::NotFound, detail)
        })
    }

    /// Returns the diff of one file.
    pub(in crate::manager) async fn read_file_diff(
        &self,
        id: SessionId,
        path: FilePath,
        query: FileDiffQuery,
    ) -> Result<FileDiff, TaskManagerError> {
        let files = vec![path.to_string()];
        let whole = query.full_file();
        let query = DiffQuery::new(files, query.context_lines())?;
        let query = if whole { query.whole_files() } else { query };
        let diff = self.read_diff(id, &query).await?;
        diff.files.into_iter().next().ok_or_else(|| {
            let detail = format!("session `{id}` has not changed `{path}`");
            TaskManagerError::new(ErrorKind::NotFound, detail)
        })
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
            let status = self.check_workspace(id).await?;
            if WorkspaceLost::caused(&error) {
                return Err(TaskManagerError::new(
                    ErrorKind::Gone,
                    format!(
                        "the workspace of session `{id}` no longer exists; `changes` of the \
                         session has the totals of its work; launch the task again to repeat it"
                    ),
                )
                .caused_by(error));
            }
            if attempt == READ_ATTEMPTS {
                return Err(unreadable(id, status, error));
            }
            attempt += 1;
            tokio::time::sleep(READ_PAUSE).await;
        }
    }

    /// Checks that the session has a workspace that is not being removed, and returns its status.
    async fn check_workspace(&self, id: SessionId) -> Result<SessionStatus, TaskManagerError> {
        let record = self.core.store.session(id).await?;
        ah_lifecycle::readable_workspace(&record)?;
        Ok(record.session.status)
    }
}

/// The error of a path that the workspace does not have.
fn no_file(id: SessionId, path: &FilePath) -> TaskManagerError {
    let detail = format!("session `{id}` has no file `{path}`");
    TaskManagerError::new(ErrorKind::NotFound, detail)
}

/// Logs the error of a workspace that cannot be read, and returns one for clients, without the
/// words of git and without paths of this host. What is damaged after the end of a session is gone.
fn unreadable(id: SessionId, status: SessionStatus, error: ExecutorError) -> TaskManagerError {
    let shown = &error as &dyn Error;
    tracing::error!(session.id = %id, error = shown, "a workspace cannot be read");
    let (kind, detail) = if shortage::caused(&error) {
        let detail = "the host lacks the resources to read the session's workspace; try again in a \
                      moment";
        (ErrorKind::Unavailable, detail.to_owned())
    } else if has_timed_out(&error) {
        let detail = "the session's workspace was not read in time; try again in a moment, or \
                      request fewer files";
        (ErrorKind::Unavailable, detail.to_owned())
    } else if status.is_terminal() {
        let detail = format!(
            "the changes of session `{id}` can no longer be read, because files that they consist \
             of were damaged or removed after its end; `changes` of the session has their totals; \
             launch the task again to repeat the work"
        );
        (ErrorKind::Gone, detail)
    } else {
        let detail = "the session's workspace could not be read; the server's log has the cause";
        (ErrorKind::Internal, detail.to_owned())
    };
    TaskManagerError::new(kind, detail).caused_by(error)
}

/// Returns true if a host has read for longer than it may.
fn has_timed_out(error: &ExecutorError) -> bool {
    let source = error.source.as_deref();
    let error = source.and_then(|source| source.downcast_ref::<io::Error>());
    error.is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}
