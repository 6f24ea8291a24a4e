//! Creates workspaces.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use ah_executor::WorkspaceRequest;
use ah_rest_api_contract::{PassedOverProvider, RepositorySource, SessionId, WorkspaceProvider};

use super::{Workspaces, branch_of};
use crate::bases::Wanted;
use crate::commit_settings::CommitSettings;
use crate::git::TRANSFER_LIMIT;
use crate::lock::FileLock;
use crate::mirror::{LOCK_WAIT, Mirror, Refresh, Refreshing, Start};
use crate::provider::{Choice, Provider as _, Worktree};
use crate::record::{Workspace, WorkspaceRecord, private_ref};
use crate::session_folders::{self, Origin};
use crate::snapshot::{END, blocking};
use crate::source::Source;
use crate::stage::StageReport;
use crate::{WorkspaceError, folder, remains};

impl Workspaces {
    pub(super) async fn provision_from(
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
        let (tried, place) = (self.providers.clone(), self.bases.folder().to_owned());
        let preference = request.preference.clone();
        let chosen = blocking(move || Ok(tried.candidates(&preference, &place)));
        let (candidates, mut passed_over) = chosen.await?;
        let mut workspace = Workspace {
            session,
            path: self.worktree(session),
            provider: WorkspaceProvider::Worktree,
            repository: mirror.path.clone(),
            store: Some(self.store(session)),
            converts: settings.converts(),
            base: None,
            passed_over: Vec::new(),
            branch: Some(branch_of(session)),
            base_commit: start.commit.unwrap_or_default(),
            default_branch: start.default_branch,
            notes: refresh.note.into_iter().collect(),
        };
        for choice in candidates {
            workspace.provider = choice.kind;
            match self
                .make_folder(&mut workspace, choice, &settings, report)
                .await?
            {
                Ok(()) => break,
                Err(reason) => {
                    let name = choice.kind.to_string();
                    passed_over.push(PassedOverProvider::new(name, reason));
                }
            }
        }
        let used = workspace.provider.to_string();
        if !request.preference.is_empty() && !request.preference.contains(&used) {
            let preferred: Vec<_> = request
                .preference
                .iter()
                .map(|it| format!("`{it}`"))
                .collect();
            workspace.notes.push(format!(
                "Of the preferred workspace providers, none is available ({}), so `{used}` is used.",
                preferred.join(", ")
            ));
        }
        workspace.passed_over = passed_over;
        let origin = Origin::of(mirror, &settings, &refresh.refs);
        session_folders::create(&mut workspace, &settings, &origin, self.push)?;
        if workspace.base.is_none() {
            report.set("writing the files", 0);
            self.check_out(&workspace, session_lock).await?;
        }
        session_folders::keep_start(&mut workspace)?;
        workspace.notes.extend(settings.notes);
        self.complete(&workspace).await?;
        Ok(workspace)
    }

    /// Makes the folder of a workspace by one provider. The inner error is the reason why it cannot be
    /// used here.
    async fn make_folder(
        &self,
        workspace: &mut Workspace,
        choice: &'static Choice,
        settings: &CommitSettings,
        report: &Arc<StageReport>,
    ) -> Result<Result<(), String>, WorkspaceError> {
        // The lock of the checkout is held until a record names it.
        let mut base = None;
        if choice.has_base {
            if workspace.base_commit.is_empty() {
                return Ok(Err("the repository has no commit".to_owned()));
            }
            report.set("preparing the files", 0);
            let wanted = Wanted {
                repository: &workspace.repository,
                commit: &workspace.base_commit,
                object_format: workspace.object_format(),
                settings: &settings.values,
                records: &self.worktrees(),
            };
            base = Some(self.bases.acquire(&self.git, wanted).await?);
            // A checkout can outlive the objects that the session needs, too.
            let tree = format!("{}^{{tree}}", workspace.base_commit);
            let call = self
                .git
                .own_call("read the start", ["cat-file", "-e", &tree]);
            call.git_dir(&workspace.repository).run().await?;
        }
        workspace.base = base.as_ref().map(|base| base.path.clone());
        self.announce(workspace).await?;
        let remarks = base.map(|base| base.remarks);
        let made = workspace.clone();
        let made = blocking(move || choice.provider.provision(&made)).await;
        match (made, remarks) {
            (Ok(()), remarks) => {
                remarks.into_iter().for_each(|it| it.add_to(workspace));
                Ok(Ok(()))
            }
            (Err(WorkspaceError::File { source, .. }), Some(_)) if !is_shortage(&source) => {
                workspace.base = None;
                Ok(Err(format!("it failed: {source}")))
            }
            (Err(error), _) => Err(error),
        }
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

    pub(super) async fn provision_empty(
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
            base: None,
            passed_over: Vec::new(),
            branch: None,
            base_commit: String::new(),
            default_branch: None,
            notes: Vec::new(),
        };
        self.announce(&workspace).await?;
        Worktree.provision(&workspace)?;
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
        let written = call
            .git_dir(&workspace.agents_git_dir())
            .work_tree(&workspace.path)
            .under(lock)
            .within(TRANSFER_LIMIT)
            .run()
            .await;
        written
            .map(drop)
            .map_err(|error| folder::or_full(error, &workspace.path))
    }
}

/// Returns true for an error of the host that every provider would meet.
fn is_shortage(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, ReadOnlyFilesystem, StorageFull};
    matches!(
        error.kind(),
        StorageFull | QuotaExceeded | ReadOnlyFilesystem
    )
}
