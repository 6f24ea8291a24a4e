//! What is known of a workspace, on disk beside it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{SessionId, WorkspaceProvider};
use serde::{Deserialize, Serialize};

use crate::{WorkspaceError, folder};

/// A session's workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// The session.
    pub session: SessionId,
    /// Its folder, absolute.
    pub path: PathBuf,
    /// How it was made.
    pub provider: WorkspaceProvider,
    /// The bare repository on this host that has its branch, its snapshots and its base.
    pub repository: PathBuf,
    /// The branch that its work is on, in [`Workspace::repository`]; none for a folder that began
    /// empty.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The commit it began at, in full.
    pub base_commit: String,
    /// The branch that the source's HEAD named, if it named one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// What a person should know about how it was made, each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Workspace {
    /// The private ref of this name.
    pub(crate) fn private_ref(&self, name: &str) -> String {
        private_ref(self.session, name)
    }

    /// Git's own folder for this worktree.
    pub(crate) fn git_dir(&self) -> PathBuf {
        git_dir_of(&self.repository, self.session)
    }
}

/// The ref that keeps the moment `name` of a session.
pub(crate) fn private_ref(session: SessionId, name: &str) -> String {
    format!("refs/ah/{session}/{name}")
}

/// Git's own folder for a session's worktree: git names it after the worktree's last segment.
pub(crate) fn git_dir_of(repository: &Path, session: SessionId) -> PathBuf {
    repository.join("worktrees").join(session.to_string())
}

/// The record of a workspace. It is written before anything is made, so that whatever a crash
/// leaves can be found and removed, and once more when all is made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Record {
    /// The bare repository that the workspace is, or is to be, a worktree of.
    pub(crate) repository: PathBuf,
    /// Whether that repository is the session's own, and goes when the workspace goes.
    pub(crate) owns_repository: bool,
    /// The workspace, once it is complete.
    pub(crate) workspace: Option<Workspace>,
}

impl Record {
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, WorkspaceError> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(WorkspaceError::file("read", path)(error)),
        };
        let unreadable = |source| WorkspaceError::Record {
            path: path.to_owned(),
            source,
        };
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    pub(crate) fn write(&self, path: &Path) -> Result<(), WorkspaceError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|source| WorkspaceError::Record {
            path: path.to_owned(),
            source,
        })?;
        folder::write_whole(path, &bytes).map_err(WorkspaceError::file("write", path))
    }
}
