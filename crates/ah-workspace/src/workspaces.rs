//! Creates, finds and removes workspaces.

mod provision;

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use ah_executor::{ProvisioningStage, WorkspaceRequest};
use ah_rest_api_contract::{Branch, RepositorySource, SessionId, WorkspaceProvider};
use tokio::sync::Mutex as AsyncMutex;

use crate::bases::Bases;
use crate::folder::is_there;
use crate::git::Git;
use crate::lock::FileLock;
use crate::mirror::{LOCK_WAIT, Mirror, Refresh};
use crate::provider::Providers;
use crate::record::{Workspace, WorkspaceRecord, git_dir_of, private_ref};
use crate::scan::Bounds;
use crate::session_folders::PushPolicy;
use crate::snapshot::blocking;
use crate::source::Source;
use crate::stage::Stages;
use crate::{WorkspaceError, bases, folder, provider, remains, repository};

/// The workspaces of this host, in one folder. The crate's documentation describes its layout.
#[derive(Debug)]
pub struct Workspaces {
    home: PathBuf,
    pub(crate) git: Git,
    /// The refresh lock of each mirror in use, by its path. The task that holds it may refresh the
    /// mirror, and the tasks that waited share its fetch. It saves a blocked thread per waiting
    /// task, which the lock between processes would cost.
    ///
    /// The outer lock protects the map and is held for look-ups only. The map does not keep a
    /// mirror's lock alive: an entry without a task is removed by the next look-up.
    turns: Mutex<HashMap<PathBuf, Weak<AsyncMutex<Option<Refresh>>>>>,
    stages: Arc<Stages>,
    /// The bounds of the changes of a session.
    pub(crate) bounds: Bounds,
    push: PushPolicy,
    providers: Arc<Providers>,
    bases: Bases,
}

impl Workspaces {
    /// Creates the workspaces under `home`, an absolute path, with git in the environment of this
    /// process. Folders are created on demand.
    #[must_use]
    pub fn new(home: PathBuf) -> Self {
        Self::with_environment(home, std::env::vars_os())
    }

    /// Creates the workspaces under `home`, an absolute path, with git in this environment, which
    /// locates the user's configuration, credentials and programs. Git variables that select a
    /// repository are ignored.
    #[must_use]
    pub fn with_environment(
        home: PathBuf,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
    ) -> Self {
        Self {
            bases: Bases::new(home.join("bases")),
            home,
            providers: Arc::default(),
            git: Git::new(environment),
            turns: Mutex::default(),
            stages: Arc::default(),
            bounds: Bounds::default(),
            push: PushPolicy::default(),
        }
    }

    /// Sets the maximum size of an untracked file, in bytes. Larger ones are no part of the changes.
    pub const fn set_file_limit(&mut self, bytes: u64) {
        self.bounds.file_bytes = bytes;
    }

    /// Sets whether agents may push to the remotes of their repositories.
    pub const fn set_push(&mut self, push: PushPolicy) {
        self.push = push;
    }

    /// Sets the permitted providers, the preferred one first. A plain checkout is permitted in any
    /// case, and the only one by default.
    pub fn set_providers(&mut self, order: Vec<WorkspaceProvider>) {
        self.providers = Arc::new(Providers::new(order));
    }

    /// Sets the maximum size of all prepared checkouts, in bytes. Those of workspaces do not count as
    /// removable.
    pub const fn set_bases_limit(&mut self, bytes: u64) {
        self.bases.set_bytes_max(bytes);
    }

    /// Returns the providers that this host permits and offers, the preferred one first. The first
    /// call tries them out, which blocks for some milliseconds.
    #[must_use]
    pub fn providers(&self) -> Vec<WorkspaceProvider> {
        match folder::make_private(self.bases.folder()) {
            Ok(()) => self.providers.offered(self.bases.folder()),
            Err(_) => vec![WorkspaceProvider::Worktree],
        }
    }

    /// Creates the session's workspace, or returns the existing one unchanged. The remains of an
    /// interrupted or failed call are replaced by the next call, and removed by
    /// [`Workspaces::remove`].
    ///
    /// # Errors
    /// [`WorkspaceError::field`] names the invalid field of the task, if any.
    pub async fn provision(&self, request: &WorkspaceRequest) -> Result<Workspace, WorkspaceError> {
        self.git.check().await?;
        folder::make_private(&self.repositories())?;
        folder::make_private(&self.worktrees())?;
        folder::make_private(self.bases.folder())?;
        let lock = FileLock::acquire(&self.session_lock(request.session), LOCK_WAIT).await?;
        let provisioned = self.provision_under(request, &lock).await;
        if provisioned.is_err() && !self.record(request.session).exists() {
            lock.remove_file()?;
        }
        provisioned
    }

    async fn provision_under(
        &self,
        request: &WorkspaceRequest,
        session_lock: &FileLock,
    ) -> Result<Workspace, WorkspaceError> {
        let session = request.session;
        if let Some(record) = WorkspaceRecord::read(&self.record(session))? {
            match record.workspace {
                Some(workspace) if folder::is_folder(&workspace.path) => {
                    self.restore(&workspace).await?;
                    return Ok(workspace);
                }
                Some(Workspace { path, .. }) => {
                    return Err(WorkspaceError::WorkspaceGone { session, path });
                }
                None => self.clear(session, &record).await?,
            }
        }
        match &request.source {
            Some(source) => self.provision_from(request, source, session_lock).await,
            None => self.provision_empty(session, session_lock).await,
        }
    }

    /// Returns the progress of a workspace that is being created.
    #[must_use]
    pub fn stage(&self, session: SessionId) -> Option<ProvisioningStage> {
        self.stages.of(session)
    }

    /// Returns the workspace of a session, if it was created and not removed. Its folder is made
    /// usable again after a restart of the host; where this fails, its stored changes are left.
    ///
    /// # Errors
    /// The record cannot be read.
    pub async fn open(&self, session: SessionId) -> Result<Option<Workspace>, WorkspaceError> {
        let record = WorkspaceRecord::read(&self.record(session))?;
        let Some(workspace) = record.and_then(|record| record.workspace) else {
            return Ok(None);
        };
        if !workspace.is_whole()
            && let Err(error) = self.restore_locked(&workspace).await
        {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(session.id = %session, error, "the workspace could not be restored");
        }
        Ok(Some(workspace))
    }

    async fn restore_locked(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        // A folder that was removed is not made again.
        if workspace.base.is_none() || !folder::is_folder(&workspace.path) {
            return Ok(());
        }
        let path = self.session_lock(workspace.session);
        let _lock = FileLock::acquire(&path, LOCK_WAIT).await?;
        self.restore(workspace).await
    }

    async fn restore(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        if workspace.is_whole() {
            return Ok(());
        }
        let workspace = workspace.clone();
        blocking(move || provider::restore(&workspace)).await
    }

    /// Removes the session's workspace with its branch, snapshots and record. A missing workspace
    /// is a success.
    ///
    /// # Errors
    /// Something could not be removed. A retry continues from there.
    pub async fn remove(&self, session: SessionId) -> Result<(), WorkspaceError> {
        let record_path = self.record(session);
        let traces = [self.session_lock(session), self.worktree(session)];
        if !record_path.exists() && !traces.iter().any(|path| is_there(path)) {
            return Ok(());
        }
        self.git.check().await?;
        let lock = FileLock::acquire(&self.session_lock(session), LOCK_WAIT).await?;
        if let Some(mut record) = WorkspaceRecord::read(&record_path)? {
            // An interrupted removal is found and continued, unless the disk is full.
            if record.workspace.take().is_some()
                && let Err(error) = record.write_durably(&record_path).await
            {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(session.id = %session, error, "the removal is not recorded");
            }
            self.clear(session, &record).await?;
            std::fs::remove_file(&record_path)
                .map_err(WorkspaceError::file("remove", &record_path))?;
        }
        self.clear_own(session).await?;
        lock.remove_file()
    }

    /// Returns sessions for which [`Workspaces::reclaim`] has something to do after their end, at most
    /// `limit`. Removes the temporary files of killed processes.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn remains(&self, limit: usize) -> Result<Vec<SessionId>, WorkspaceError> {
        remains::remove_temporaries(&self.worktrees(), &self.repositories());
        bases::remove_temporaries(self.bases.folder());
        remains::sessions(&self.worktrees(), limit)
    }

    /// Removes the workspace of an ended session if it was not completed, or if its removal was
    /// interrupted. If the user has removed the folder of a worktree of an earlier version, git's folder
    /// of it is removed; the branch and the snapshots stay.
    ///
    /// # Errors
    /// Something could not be removed.
    pub async fn reclaim(&self, session: SessionId) -> Result<(), WorkspaceError> {
        match WorkspaceRecord::read(&self.record(session))?.map(|record| record.workspace) {
            Some(None) => self.remove(session).await,
            Some(Some(workspace)) if workspace.store.is_none() && !is_there(&workspace.path) => {
                folder::remove(workspace.agents_git_dir()).await
            }
            _ => Ok(()),
        }
    }

    /// Returns the current branches of a repository, the default one first.
    ///
    /// # Errors
    /// The repository cannot be read.
    pub async fn branches(
        &self,
        address: &RepositorySource,
    ) -> Result<Vec<Branch>, WorkspaceError> {
        self.git.check().await?;
        let source = Source::settle(&self.git, address).await?;
        Ok(source.list(&self.git).await?.into_branches())
    }

    /// Removes the folders of a session.
    async fn clear_own(&self, session: SessionId) -> Result<(), WorkspaceError> {
        let folder = self.worktree(session);
        let layers = provider::layers_folder(&folder);
        blocking({
            let folder = folder.clone();
            move || provider::remove(&folder)
        })
        .await?;
        for path in [folder, layers, self.store(session)] {
            if is_there(&path) {
                folder::remove(path).await?;
            }
        }
        Ok(())
    }

    /// Removes everything of a session but its record: its folders, and those of an earlier version
    /// with its refs in the repository.
    #[expect(
        clippy::await_holding_invalid_type,
        reason = "a mirror has one writer at a time; git and the file lock have limits"
    )]
    async fn clear(
        &self,
        session: SessionId,
        record: &WorkspaceRecord,
    ) -> Result<(), WorkspaceError> {
        self.clear_own(session).await?;
        if record.owns_repository {
            return folder::remove(record.repository.clone()).await;
        }
        if record.store.is_some() || !record.repository.exists() {
            return Ok(());
        }
        let turn = self.turn(&record.repository);
        let _turn = turn.lock().await;
        let lock = FileLock::acquire(&Mirror::lock_path(&record.repository), LOCK_WAIT).await?;
        folder::remove(git_dir_of(&record.repository, session)).await?;
        let branch = format!("refs/heads/{}", branch_of(session));
        // Left by a git process that was killed while writing a ref of the session, which has no
        // other writer.
        for name in [branch.as_str(), &private_ref(session, "base")] {
            folder::remove(record.repository.join(format!("{name}.lock"))).await?;
        }
        let pattern = private_ref(session, "");
        let args = ["for-each-ref", "--format=%(refname)", &pattern];
        let call = self.git.call("list the session's refs", args);
        let private = call.git_dir(&record.repository).under(&lock).text().await?;
        for name in private.lines().chain([branch.as_str()]) {
            repository::delete_ref(&self.git, &record.repository, name).await?;
        }
        Ok(())
    }

    fn turn(&self, mirror: &Path) -> Arc<AsyncMutex<Option<Refresh>>> {
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = turns.get(mirror).and_then(Weak::upgrade) {
            return turn;
        }
        turns.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::default();
        turns.insert(mirror.to_owned(), Arc::downgrade(&turn));
        turn
    }

    fn repositories(&self) -> PathBuf {
        self.home.join("repos")
    }

    fn worktrees(&self) -> PathBuf {
        self.home.join("worktrees")
    }

    fn worktree(&self, session: SessionId) -> PathBuf {
        self.worktrees().join(session.to_string())
    }

    fn store(&self, session: SessionId) -> PathBuf {
        self.worktrees().join(format!("{session}.git"))
    }

    fn record(&self, session: SessionId) -> PathBuf {
        self.worktrees().join(format!("{session}.json"))
    }

    fn session_lock(&self, session: SessionId) -> PathBuf {
        self.worktrees().join(format!("{session}.lock"))
    }
}

/// Returns the branch of a session.
fn branch_of(session: SessionId) -> String {
    format!("ah/{session}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locks_of_mirrors_that_are_not_in_use_are_removed() {
        let workspaces = Workspaces::new(PathBuf::from("/nowhere"));
        let held = workspaces.turn(Path::new("/held"));
        for mirror in 0..1_000 {
            drop(workspaces.turn(Path::new(&format!("/{mirror}"))));
        }
        assert!(Arc::ptr_eq(&held, &workspaces.turn(Path::new("/held"))));
        let known = workspaces.turns.lock().unwrap().len();
        assert!(known <= 2, "{known} locks are kept");
    }
}
