//! A plain checkout, which every host offers.

use std::fs;
use std::path::Path;

use super::Provider;
use crate::WorkspaceError;
use crate::record::Workspace;

/// Makes an empty folder, into which git writes the files.
#[derive(Debug)]
pub(crate) struct Worktree;

impl Provider for Worktree {
    fn probe(&self, _place: &Path) -> Result<(), String> {
        Ok(())
    }

    fn provision(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        fs::create_dir_all(&workspace.path)
            .map_err(WorkspaceError::file("create the folder", &workspace.path))
    }

    fn restore(&self, _workspace: &Workspace) -> Result<(), WorkspaceError> {
        Ok(())
    }

    fn remove(&self, _path: &Path) -> Result<(), WorkspaceError> {
        Ok(())
    }
}
