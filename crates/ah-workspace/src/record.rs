//! The record of a workspace, stored on disk beside it.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::{PassedOverProvider, SessionId, WorkspaceProvider};
use serde::{Deserialize, Serialize};

use crate::{WorkspaceError, folder, mounts};

/// The name of the copy of the agent's `objects/info/alternates`, in the store.
pub(crate) const START_ALTERNATES: &str = "start-alternates";

/// A session's workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Workspace {
    /// The session.
    pub session: SessionId,
    /// Its folder, absolute.
    pub path: PathBuf,
    /// The provider that created it.
    pub provider: WorkspaceProvider,
    /// The repository on this host with the objects that it started from: the mirror of its source,
    /// or, without a source, the store.
    pub repository: PathBuf,
    /// The bare repository of the session with its base, its snapshots and, after its end, the
    /// commits of its agent. `None` for a workspace of an earlier version, a worktree of
    /// [`Workspace::repository`], which has them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub store: Option<PathBuf>,
    /// True if files of the workspace may differ from their objects in line endings or encoding.
    #[serde(default)]
    pub(crate) converts: bool,
    /// The prepared checkout below its files, if its provider uses one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<PathBuf>,
    /// The providers that were not used, with the reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub passed_over: Vec<PassedOverProvider>,
    /// The branch that its agent begins on; `None` for an initially empty folder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// The full id of the commit it started from.
    pub base_commit: String,
    /// The branch that the source's HEAD named, if any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_branch: Option<String>,
    /// Notes for people about its creation, each a sentence.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

impl Workspace {
    /// Returns the private ref with this name.
    pub(crate) fn private_ref(&self, name: &str) -> String {
        private_ref(self.session, name)
    }

    /// Returns the repository with its base and its snapshots.
    pub(crate) fn store(&self) -> &Path {
        self.store.as_deref().unwrap_or(&self.repository)
    }

    /// Returns the git folder that its agent uses. Nothing in it is trusted.
    pub(crate) fn agents_git_dir(&self) -> PathBuf {
        match self.store {
            Some(_) => self.path.join(".git"),
            None => git_dir_of(&self.repository, self.session),
        }
    }

    /// Returns true if its folder is there with its files.
    pub(crate) fn is_whole(&self) -> bool {
        if self.provider == WorkspaceProvider::Overlay {
            return mounts::is_overlay(&self.path);
        }
        let has_git_dir = self.store.is_some() || folder::is_folder(&self.agents_git_dir());
        folder::is_folder(&self.path) && has_git_dir
    }

    /// Returns the content of `objects/info/alternates` in the agent's git folder at the start.
    pub(crate) fn agents_alternates(&self) -> Vec<u8> {
        let kept = self.store().join(START_ALTERNATES);
        std::fs::read(kept).unwrap_or_default()
    }

    /// Returns the hash function of its objects.
    pub(crate) fn object_format(&self) -> &'static str {
        match self.base_commit.len() {
            64 => "sha256",
            _ => "sha1",
        }
    }
}

/// Returns the ref of the snapshot `name` of a session.
pub(crate) fn private_ref(session: SessionId, name: &str) -> String {
    format!("refs/ah/{session}/{name}")
}

/// Returns git's folder of the worktree of a session of an earlier version, which git names after the worktree's last path
/// segment.
pub(crate) fn git_dir_of(repository: &Path, session: SessionId) -> PathBuf {
    repository.join("worktrees").join(session.to_string())
}

/// The record of a workspace. It is written before anything is created, so that the remains of a
/// crash can be found and removed, and again once the workspace is complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct WorkspaceRecord {
    /// The repository of the objects.
    pub(crate) repository: PathBuf,
    /// True if the repository belongs to the session and is removed with the workspace. Earlier
    /// versions only.
    #[serde(default)]
    pub(crate) owns_repository: bool,
    /// The bare repository of the session; `None` for a workspace of an earlier version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) store: Option<PathBuf>,
    /// The prepared checkout that it uses. It is kept as long as a record names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) base: Option<PathBuf>,
    /// The workspace, once it is complete.
    pub(crate) workspace: Option<Workspace>,
}

impl WorkspaceRecord {
    /// Creates the record of a workspace, which may be `complete`.
    pub(crate) fn of(workspace: &Workspace, complete: Option<Workspace>) -> Self {
        Self {
            repository: workspace.repository.clone(),
            owns_repository: false,
            store: workspace.store.clone(),
            base: workspace.base.clone(),
            workspace: complete,
        }
    }

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
        if bytes.is_empty() {
            // A crash of the machine cut the creation of the workspace short.
            return Ok(None);
        }
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    /// Writes the record atomically.
    pub(crate) fn write(&self, path: &Path) -> Result<(), WorkspaceError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|source| WorkspaceError::Record {
            path: path.to_owned(),
            source,
        })?;
        folder::write_whole(path, &bytes)
            .map(drop)
            .map_err(WorkspaceError::file("write", path))
    }

    /// Writes the record atomically, and waits until it would survive a crash of the machine.
    pub(crate) async fn write_durably(&self, path: &Path) -> Result<(), WorkspaceError> {
        let bytes = serde_json::to_vec_pretty(self).map_err(|source| WorkspaceError::Record {
            path: path.to_owned(),
            source,
        })?;
        let written = path.to_owned();
        // The disk may take long.
        tokio::task::spawn_blocking(move || folder::write_whole(&written, &bytes)?.sync_all())
            .await
            .unwrap_or_else(|panic| Err(std::io::Error::other(panic)))
            .map_err(WorkspaceError::file("write", path))
    }
}
