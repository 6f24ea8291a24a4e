//! Errors of workspaces as errors of the executor.

use ah_executor::{ExecutorError, WorkspaceLost};
use ah_workspace::WorkspaceError;

/// Converts an error of a workspace. The message names the fault.
pub(crate) fn workspace_error(error: WorkspaceError) -> ExecutorError {
    let (message, field) = (error.to_string(), error.field());
    let source = match error {
        WorkspaceError::WorkspaceGone { .. } => Some(WorkspaceLost.into()),
        error => error.into_source(),
    };
    ExecutorError {
        message,
        field,
        source,
    }
}
