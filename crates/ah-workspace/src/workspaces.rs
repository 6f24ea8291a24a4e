//! Creates, finds and removes workspaces.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Instant;

use ah_executor::{ProvisioningStage, WorkspaceRequest};
use ah_rest_api_contract::{Branch, RepositorySource, SessionId, WorkspaceProvider};
use tokio::sync::Mutex as AsyncMutex;

use crate::commit_settings::CommitSettings;
use crate::folder::is_there;
use crate::git::{Git, TRANSFER_LIMIT};
use crate::lock::FileLock;
use crate::mirror::{LOCK_WAIT, Mirror, Refresh, Start};
use crate::record::{Workspace, WorkspaceRecord, git_dir_of, private_ref};
use crate::remains;
use crate::source::Source;
use crate::stage::{StageReport, Stages};
use crate::{WorkspaceError, empty, folder, repository};

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
            home,
            git: Git::new(environment),
            turns: Mutex::default(),
            stages: Arc::default(),
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
                Some(workspace) if is_folder(&workspace.path) => return Ok(workspace),
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

    /// Returns the workspace of a session, if it was created and not removed.
    ///
    /// # Errors
    /// The record cannot be read.
    pub fn open(&self, session: SessionId) -> Result<Option<Workspace>, WorkspaceError> {
        Ok(WorkspaceRecord::read(&self.record(session))?.and_then(|record| record.workspace))
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
                && let Err(error) = record.write(&record_path)
            {
                let error = &error as &dyn std::error::Error;
                tracing::debug!(session.id = %session, error, "the removal is not recorded");
            }
            self.clear(session, &record).await?;
            std::fs::remove_file(&record_path)
                .map_err(WorkspaceError::file("remove", &record_path))?;
        }
        folder::remove(self.worktree(session)).await?;
        lock.remove_file()
    }

    /// Returns sessions for which [`Workspaces::reclaim`] has something to do after their end, at most
    /// `limit`. Removes the temporary files of killed processes.
    ///
    /// # Errors
    /// A folder cannot be read.
    pub fn remains(&self, limit: usize) -> Result<Vec<SessionId>, WorkspaceError> {
        remains::remove_temporaries(&self.worktrees(), &self.repositories());
        remains::sessions(&self.worktrees(), limit)
    }

    /// Removes the workspace of an ended session if it was not completed, or if its removal was
    /// interrupted. If the user has removed its folder, git's folder of the worktree is removed; the
    /// branch and the snapshots stay.
    ///
    /// # Errors
    /// Something could not be removed.
    pub async fn reclaim(&self, session: SessionId) -> Result<(), WorkspaceError> {
        match WorkspaceRecord::read(&self.record(session))?.map(|record| record.workspace) {
            Some(None) => self.remove(session).await,
            Some(Some(workspace)) if !is_there(&workspace.path) => {
                folder::remove(workspace.git_dir()).await
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

    #[expect(
        clippy::await_holding_invalid_type,
        reason = "one fetch per mirror at a time is the purpose; git and the file lock have limits"
    )]
    async fn provision_from(
        &self,
        request: &WorkspaceRequest,
        address: &RepositorySource,
        session_lock: &FileLock,
    ) -> Result<Workspace, WorkspaceError> {
        let source = Source::settle(&self.git, address).await?;
        let mirror = Mirror::of(&self.repositories(), source);
        let mut record = WorkspaceRecord {
            repository: mirror.path.clone(),
            owns_repository: false,
            workspace: None,
        };
        let wanted = Instant::now();
        let report = StageReport::of(&self.stages, request.session);
        report.set(mirror.stage(), 0);
        let workspace = {
            let turn = self.turn(&mirror.path);
            let mut last_refresh = turn.lock().await;
            let lock = FileLock::acquire(&Mirror::lock_path(&mirror.path), LOCK_WAIT).await?;
            let stale = mirror
                .refresh(&self.git, &lock, wanted, &mut last_refresh, &report)
                .await?;
            let (branch, commit) = (request.branch.as_deref(), request.commit.as_deref());
            let start = mirror.start(&self.git, branch, commit).await?;
            record.write(&self.record(request.session))?;
            let mut workspace = self
                .begin(request.session, &mirror.path, start, &lock)
                .await?;
            workspace.notes.extend(stale);
            let settings = match mirror.source().as_path() {
                Some(top) => CommitSettings::of(&self.git, top).await?,
                None => CommitSettings::default(),
            };
            let settings = settings.copy(&self.git, &workspace, &lock);
            workspace.notes.extend(settings.await?);
            workspace
        };
        // Writing the files takes longest and does not depend on other sessions, so it needs no
        // mirror lock.
        report.set("writing the files", 0);
        self.check_out(&workspace, session_lock).await?;
        record.workspace = Some(workspace.clone());
        record.write(&self.record(request.session))?;
        Ok(workspace)
    }

    async fn provision_empty(
        &self,
        session: SessionId,
        session_lock: &FileLock,
    ) -> Result<Workspace, WorkspaceError> {
        let repository = self.repositories().join(format!("session-{session}.git"));
        let mut record = WorkspaceRecord {
            repository: repository.clone(),
            owns_repository: true,
            workspace: None,
        };
        record.write(&self.record(session))?;
        let mut workspace = Workspace {
            session,
            path: self.worktree(session),
            provider: WorkspaceProvider::Empty,
            repository,
            branch: None,
            base_commit: empty::EMPTY_COMMIT.to_owned(),
            default_branch: None,
            notes: Vec::new(),
        };
        empty::create(&workspace, &branch_of(session))?;
        let settings = CommitSettings::default();
        let (missing, notes) = settings
            .missing(&self.git, &workspace, session_lock)
            .await?;
        empty::configure(&workspace, &missing)?;
        workspace.notes = notes;
        record.workspace = Some(workspace.clone());
        record.write(&self.record(session))?;
        Ok(workspace)
    }

    /// Creates the session's base, branch and worktree, without files.
    async fn begin(
        &self,
        session: SessionId,
        repository: &Path,
        start: Start,
        lock: &FileLock,
    ) -> Result<Workspace, WorkspaceError> {
        let mut notes = Vec::new();
        let base_commit = match start.commit {
            Some(commit) => commit,
            None => {
                notes
                    .push("The repository had no commit, so the workspace began empty.".to_owned());
                self.empty_commit(repository, lock).await?
            }
        };
        let args = ["update-ref", &private_ref(session, "base"), &base_commit];
        let call = self.git.call("record the base", args);
        call.git_dir(repository).under(lock).run().await?;
        let (branch, path) = (branch_of(session), self.worktree(session));
        let options = [
            "worktree",
            "add",
            "--quiet",
            "--no-checkout",
            "--lock",
            "--reason",
            repository::WORKTREE_LOCK,
            "-b",
            &branch,
            "--",
        ];
        let args = options.iter().map(OsString::from);
        let args = args.chain([path.clone().into(), OsString::from(&base_commit)]);
        let call = self.git.call("add a worktree", args);
        call.git_dir(repository).under(lock).run().await?;
        Ok(Workspace {
            session,
            path,
            provider: WorkspaceProvider::Worktree,
            repository: repository.to_owned(),
            branch: Some(branch),
            base_commit,
            default_branch: start.default_branch,
            notes,
        })
    }

    /// Creates an empty commit without a parent, the base of a session without a starting commit.
    async fn empty_commit(
        &self,
        repository: &Path,
        lock: &FileLock,
    ) -> Result<String, WorkspaceError> {
        // The lock file, git's standard input, is empty, and so is the tree read from it.
        let args = ["hash-object", "-w", "-t", "tree", "--stdin"];
        let call = self.git.call("write an empty tree", args);
        let tree = call.git_dir(repository).under(lock).text().await?;
        let args = ["commit-tree", "-m", "Empty workspace", &tree];
        let call = self.git.call("write an empty commit", args);
        call.git_dir(repository).under(lock).text().await
    }

    async fn check_out(
        &self,
        workspace: &Workspace,
        lock: &FileLock,
    ) -> Result<(), WorkspaceError> {
        let args = ["reset", "--hard", "--quiet", "HEAD", "--"];
        let call = self.git.call("write the files", args);
        call.git_dir(&workspace.git_dir())
            .work_tree(&workspace.path)
            .under(lock)
            .within(TRANSFER_LIMIT)
            .run()
            .await
            .map(drop)
    }

    /// Removes everything of a session but its record: its folder, and its refs in the repository.
    #[expect(
        clippy::await_holding_invalid_type,
        reason = "a mirror has one writer at a time; git and the file lock have limits"
    )]
    async fn clear(
        &self,
        session: SessionId,
        record: &WorkspaceRecord,
    ) -> Result<(), WorkspaceError> {
        folder::remove(self.worktree(session)).await?;
        if record.owns_repository {
            return folder::remove(record.repository.clone()).await;
        }
        if !record.repository.exists() {
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

/// Returns true for a folder, and false for a link to one.
pub(crate) fn is_folder(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
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
