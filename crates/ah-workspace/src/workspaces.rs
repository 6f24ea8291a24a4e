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
use crate::mirror::{LOCK_WAIT, Mirror, Refresh, Refreshing, Start};
use crate::record::{Workspace, WorkspaceRecord, git_dir_of, private_ref};
use crate::scan::Bounds;
use crate::session_folders::{self, Origin, PushPolicy};
use crate::snapshot::END;
use crate::source::Source;
use crate::stage::{StageReport, Stages};
use crate::{WorkspaceError, folder, remains, repository};

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
                Some(workspace) if folder::is_folder(&workspace.path) => return Ok(workspace),
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
                && let Err(error) = record.write_durably(&record_path).await
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

    async fn provision_from(
        &self,
        request: &WorkspaceRequest,
        address: &RepositorySource,
        session_lock: &FileLock,
    ) -> Result<Workspace, WorkspaceError> {
        let source = Source::settle(&self.git, address).await?;
        let mirror = Mirror::of(&self.repositories(), source);
        let report = StageReport::of(&self.stages, request.session);
        let first = self.provision_on(request, &mirror, session_lock, &report);
        let error = match first.await {
            Ok(workspace) => return Ok(workspace),
            Err(error) => error,
        };
        // The mirror is a copy. If it is damaged, it is made again, and the source is not to blame.
        let Some(damage) = self.replace_damaged(&mirror, &error, &report).await? else {
            return Err(error);
        };
        self.clear_own(request.session).await?;
        let second = self.provision_on(request, &mirror, session_lock, &report);
        let mut workspace = second.await?;
        workspace.notes.insert(0, damage);
        self.complete(&workspace).await?;
        Ok(workspace)
    }

    /// Creates a workspace of a repository with the mirror as it is.
    async fn provision_on(
        &self,
        request: &WorkspaceRequest,
        mirror: &Mirror,
        session_lock: &FileLock,
        report: &Arc<StageReport>,
    ) -> Result<Workspace, WorkspaceError> {
        let session = request.session;
        let settings = CommitSettings::of(&self.git, mirror.source().folders()).await?;
        let (start, refresh) = self.start(request, mirror, &settings, report).await?;
        let mut workspace = Workspace {
            session,
            path: self.worktree(session),
            provider: WorkspaceProvider::Worktree,
            repository: mirror.path.clone(),
            store: Some(self.store(session)),
            converts: settings.converts(),
            branch: Some(branch_of(session)),
            base_commit: start.commit.unwrap_or_default(),
            default_branch: start.default_branch,
            notes: refresh.note.into_iter().collect(),
        };
        self.announce(&workspace).await?;
        let origin = Origin::of(mirror, &settings, &refresh.refs);
        session_folders::create(&mut workspace, &settings, &origin, self.push)?;
        report.set("writing the files", 0);
        self.check_out(&workspace, session_lock).await?;
        session_folders::keep_start(&mut workspace)?;
        workspace.notes.extend(settings.notes);
        self.complete(&workspace).await?;
        Ok(workspace)
    }

    /// Refreshes the mirror, and returns the start of a session.
    #[expect(
        clippy::await_holding_invalid_type,
        reason = "one fetch per mirror at a time is the purpose; git and the file lock have limits"
    )]
    async fn start(
        &self,
        request: &WorkspaceRequest,
        mirror: &Mirror,
        settings: &CommitSettings,
        report: &Arc<StageReport>,
    ) -> Result<(Start, Refresh), WorkspaceError> {
        let wanted = Instant::now();
        report.set(mirror.stage(), 0);
        let turn = self.turn(&mirror.path);
        let mut last_refresh = turn.lock().await;
        let lock = FileLock::acquire(&Mirror::lock_path(&mirror.path), LOCK_WAIT).await?;
        let promisor = settings.remotes.iter().find(|remote| remote.is_promisor);
        let promisor = promisor.map(|remote| &remote.address);
        let wish = Refreshing {
            wanted,
            promisor,
            report,
        };
        let refreshed = mirror.refresh(&self.git, &lock, wish, &mut last_refresh);
        let refresh = refreshed.await?;
        let refs = &refresh.refs;
        let (branch, commit) = (request.branch.as_deref(), request.commit.as_deref());
        let start = match mirror.start(&self.git, refs, branch, commit).await {
            // The work of an earlier session, which `ah session prompt --continue` starts from.
            Err(error @ WorkspaceError::CommitUnknown { .. }) => {
                let Some(commit) = self.bring_snapshot(mirror, commit).await? else {
                    return Err(error);
                };
                let commit = Some(commit.as_str());
                mirror.start(&self.git, refs, branch, commit).await?
            }
            start => start?,
        };
        Ok((start, refresh))
    }

    /// Brings the snapshot of a session with this full id into the mirror, if there is one.
    async fn bring_snapshot(
        &self,
        mirror: &Mirror,
        commit: Option<&str>,
    ) -> Result<Option<String>, WorkspaceError> {
        let Some(commit) = commit.map(str::to_ascii_lowercase) else {
            return Ok(None);
        };
        let stores = std::fs::read_dir(self.worktrees());
        let stores = stores.map_err(WorkspaceError::file("read", self.worktrees()))?;
        let has_it = |store: &PathBuf| {
            let session = store.file_stem()?.to_str()?.parse().ok()?;
            let end = store.join(private_ref(session, END));
            let id = std::fs::read_to_string(end).ok()?;
            (id.trim_end() == commit).then_some(())
        };
        let is_store = |path: &PathBuf| path.extension().is_some_and(|it| it == "git");
        let mut stores = stores.filter_map(|entry| Some(entry.ok()?.path()));
        let Some(store) = stores.find(|path| is_store(path) && has_it(path).is_some()) else {
            return Ok(None);
        };
        mirror.take_from(&self.git, &store, &commit).await?;
        Ok(Some(commit))
    }

    /// Replaces the mirror if it is damaged, and returns a sentence for people about it.
    #[expect(
        clippy::await_holding_invalid_type,
        reason = "a mirror has one writer at a time; git and the file lock have limits"
    )]
    async fn replace_damaged(
        &self,
        mirror: &Mirror,
        error: &WorkspaceError,
        report: &Arc<StageReport>,
    ) -> Result<Option<String>, WorkspaceError> {
        if !mirror.may_be_at_fault(error) {
            return Ok(None);
        }
        let turn = self.turn(&mirror.path);
        let mut last_refresh = turn.lock().await;
        let lock = FileLock::acquire(&Mirror::lock_path(&mirror.path), LOCK_WAIT).await?;
        let Some(damage) = mirror.damage(&self.git).await? else {
            return Ok(None);
        };
        tracing::warn!(path = %mirror.path.display(), damage, "a damaged mirror is made again");
        let settings = CommitSettings::of(&self.git, mirror.source().folders()).await?;
        let promisor = settings.remotes.iter().find(|remote| remote.is_promisor);
        let promisor = promisor.map(|remote| &remote.address);
        let bases = remains::bases(&self.worktrees(), &mirror.path)?;
        mirror
            .replace(&self.git, &lock, promisor, &bases, report)
            .await?;
        *last_refresh = None;
        Ok(Some(format!(
            "The access point's copy of the repository was damaged, so it was made again from {}.",
            mirror.source().shown()
        )))
    }

    async fn provision_empty(
        &self,
        session: SessionId,
        _session_lock: &FileLock,
    ) -> Result<Workspace, WorkspaceError> {
        let settings = CommitSettings::of(&self.git, None).await?;
        let store = self.store(session);
        let mut workspace = Workspace {
            session,
            path: self.worktree(session),
            provider: WorkspaceProvider::Empty,
            repository: store.clone(),
            store: Some(store),
            converts: settings.converts(),
            branch: None,
            base_commit: String::new(),
            default_branch: None,
            notes: Vec::new(),
        };
        self.announce(&workspace).await?;
        session_folders::create(&mut workspace, &settings, &Origin::default(), self.push)?;
        session_folders::keep_start(&mut workspace)?;
        workspace.notes.extend(settings.notes);
        self.complete(&workspace).await?;
        Ok(workspace)
    }

    /// Writes the record of a workspace that is about to be created. Removes what a crash of the
    /// machine left of it, which has lost the record.
    async fn announce(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        self.clear_own(workspace.session).await?;
        let record = WorkspaceRecord::of(workspace, None);
        record.write(&self.record(workspace.session))
    }

    /// Writes the record of a complete workspace.
    async fn complete(&self, workspace: &Workspace) -> Result<(), WorkspaceError> {
        let record = WorkspaceRecord::of(workspace, Some(workspace.clone()));
        let path = self.record(workspace.session);
        record.write_durably(&path).await
    }

    async fn check_out(
        &self,
        workspace: &Workspace,
        lock: &FileLock,
    ) -> Result<(), WorkspaceError> {
        let args = ["reset", "--hard", "--quiet", "HEAD", "--"];
        let call = self.git.own_call("write the files", args);
        call.git_dir(&workspace.agents_git_dir())
            .work_tree(&workspace.path)
            .under(lock)
            .within(TRANSFER_LIMIT)
            .run()
            .await
            .map(drop)
    }

    /// Removes the folders of a session.
    async fn clear_own(&self, session: SessionId) -> Result<(), WorkspaceError> {
        for path in [self.worktree(session), self.store(session)] {
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
