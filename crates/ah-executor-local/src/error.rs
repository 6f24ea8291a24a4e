//! Errors of workspaces as errors of the executor.

use ah_executor::{ExecutorError, WorkspaceLost};
use ah_workspace::WorkspaceError;

/// Converts an error of a workspace. Its own message, which may contain git's output and paths of
/// the host, is the source of the new one.
pub(crate) fn workspace_error(error: WorkspaceError) -> ExecutorError {
    let (message, field) = (error.explanation(), error.field());
    let source = match error {
        WorkspaceError::WorkspaceGone { .. } => WorkspaceLost.into(),
        error @ (WorkspaceError::GitTimeout { .. } | WorkspaceError::Busy { .. }) => {
            std::io::Error::new(std::io::ErrorKind::TimedOut, error).into()
        }
        error => error.into(),
    };
    ExecutorError {
        message,
        field,
        source: Some(source),
    }
}
