//! The executor of this host: its agents, workspaces in git, and recorders as detached processes.

mod error;
mod recorder;
mod remains;
mod sandbox;

use std::path::PathBuf;
use std::sync::Arc;

use ah_agents::{Catalog, SessionFolder};
use ah_executor::{
    AgentLaunch, Attachment, Executor, ExecutorError, LogRetention, Provisioned, ProvisioningStage,
    RecorderState, SealedChanges, WorkspaceLost, WorkspaceRequest,
};
use ah_lifecycle::{Fence, JournalPosition, JournalRecord};
use ah_recorder::{RecorderCommand, SpawnError, journal, sweep_folder};
use ah_rest_api_contract::{
    Agent, AgentSelection, AgentType, Branch, ChangeSummary, ContentQuery, DiffQuery, ExecutorId,
    ExecutorInfo, FieldErrors, FileContent, FileDetails, FileEntry, FileNode, FileNodeQuery,
    FilePath, RecorderInfo, RepositorySource, Runtime, SandboxProfile, SessionDiff, SessionId,
    SessionIsolation, SessionWorkspace,
};
use ah_workspace::Workspace;
use async_trait::async_trait;

use error::workspace_error;
use sandbox::Sandbox;

pub use ah_sandbox::{Protection, toolchain_places};
pub use sandbox::{SandboxSettings, isolation_of_host};

pub use ah_workspace::{GIT_VERSION_MIN, PushPolicy, Workspaces};

/// Runs sessions on the host of this process.
#[derive(Debug)]
pub struct LocalExecutor {
    workspaces: Arc<Workspaces>,
    sessions: PathBuf,
    recorder: RecorderCommand,
    catalog: Catalog,
    sandbox: Option<Sandbox>,
}

impl LocalExecutor {
    /// Creates an executor with its workspaces and session folders under `home`. `recorder` is the
    /// command that starts a recorder, to which the session's folder is added. `catalog` has the
    /// agents of this host.
    #[must_use]
    pub fn new(home: PathBuf, recorder: RecorderCommand, catalog: Catalog) -> Self {
        let sessions = home.join("sessions");
        Self {
            workspaces: Arc::new(Workspaces::new(home)),
            sessions,
            recorder,
            catalog,
            sandbox: None,
        }
    }

    /// Runs agents in a sandbox, which the program of the recorder enters.
    #[must_use]
    pub fn with_sandbox(mut self, settings: SandboxSettings) -> Self {
        let state = self.sessions.parent().unwrap_or(&self.sessions).to_owned();
        let program = self.recorder.program.clone();
        self.sandbox = Some(Sandbox::new(state, program, settings));
        self
    }

    /// Changes the settings of workspaces before the executor runs.
    #[must_use]
    pub fn with_workspaces(mut self, change: impl FnOnce(&mut Workspaces)) -> Self {
        // Nothing shares the workspaces before the executor runs.
        if let Some(workspaces) = Arc::get_mut(&mut self.workspaces) {
            change(workspaces);
        }
        self
    }

    fn folder(&self, session: SessionId) -> SessionFolder {
        SessionFolder::at(self.sessions.join(session.to_string()))
    }

    async fn workspace(&self, session: SessionId) -> Result<Workspace, ExecutorError> {
        let workspace = self.workspaces.open(session).await;
        let workspace = workspace.map_err(workspace_error)?;
        workspace.ok_or_else(|| {
            ExecutorError::caused_by(
                format!("session {session} has no workspace on this host"),
                WorkspaceLost,
            )
        })
    }
}

#[async_trait]
impl Executor for LocalExecutor {
    fn info(&self) -> ExecutorInfo {
        let mut info = ExecutorInfo::this_host();
        info.snapshot_capabilities = self.workspaces.providers();
        info
    }

    fn agents(&self) -> Vec<Agent> {
        self.catalog.list()
    }

    async fn discover_versions(&self) {
        self.catalog.ask_versions().await;
    }

    fn runtimes(&self) -> Vec<Runtime> {
        let profiles = match &self.sandbox {
            Some(sandbox) => sandbox.profiles(),
            None => vec![SandboxProfile::Disabled],
        };
        vec![Runtime::local(profiles)]
    }

    async fn isolation(
        &self,
        profile: SandboxProfile,
        agent: Option<&AgentType>,
    ) -> Option<SessionIsolation> {
        Some(self.sandbox.as_ref()?.isolation(profile, agent).await)
    }

    async fn check_isolation(
        &self,
        profile: SandboxProfile,
        agent: Option<&AgentType>,
    ) -> Result<(), String> {
        match &self.sandbox {
            Some(sandbox) => sandbox.check(profile, agent).await,
            None => Ok(()),
        }
    }

    fn check_agent(&self, selection: &AgentSelection) -> Result<(), FieldErrors> {
        self.catalog.resolve(selection).map(drop)
    }

    async fn check_source(&self, source: &RepositorySource) -> Result<(), String> {
        check_folder(source).await
    }

    async fn provision(&self, request: &WorkspaceRequest) -> Result<Provisioned, ExecutorError> {
        let workspace = self
            .workspaces
            .provision(request)
            .await
            .map_err(workspace_error)?;
        Ok(Provisioned {
            commit: request
                .source
                .is_some()
                .then(|| workspace.base_commit.clone()),
            workspace: SessionWorkspace::new(
                workspace.provider,
                workspace.path,
                ExecutorId::local(),
            )
            .with_branch(workspace.branch)
            .with_passed_over(workspace.passed_over),
            default_branch: workspace.default_branch,
            notes: workspace.notes,
        })
    }

    fn provisioning_stage(&self, session: SessionId) -> Option<ProvisioningStage> {
        self.workspaces.stage(session)
    }

    async fn launch(&self, launch: &AgentLaunch) -> Result<(), ExecutorError> {
        let folder = self.folder(launch.session);
        let mut agent = self
            .catalog
            .resolve(&launch.agent)
            .map_err(|errors| ExecutorError::new(errors.to_string()))?;
        agent.env.extend(launch.env.clone());
        let mut spec = recorder::launch_spec(launch, agent);
        if let Some(sandbox) = &self.sandbox {
            let confined = sandbox
                .launch(launch.sandbox, &launch.agent.agent_type, &launch.workspace)
                .await;
            spec.sandbox = confined.map_err(ExecutorError::new)?;
        }
        match ah_recorder::spawn(&self.recorder, &folder, &spec).await {
            // The recorder has already run. Its journal contains the outcome.
            Ok(()) | Err(SpawnError::AlreadyRan { .. }) => Ok(()),
            Err(error) => Err(ExecutorError::caused_by(
                "its recorder did not start",
                error,
            )),
        }
    }

    async fn recorder_state(&self, session: SessionId) -> Result<RecorderState, ExecutorError> {
        let folder = self.folder(session);
        let unseen = |error| {
            ExecutorError::caused_by("the state of its recorder cannot be determined", error)
        };
        if ah_recorder::is_alive(&folder).map_err(unseen)? {
            return Ok(RecorderState::Alive);
        }
        match std::fs::metadata(folder.journal()) {
            Ok(meta) if meta.len() > 0 => Ok(RecorderState::Gone),
            // The recorder ended before it wrote a record.
            Ok(_) => Ok(RecorderState::Never),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(RecorderState::Never),
            Err(error) => Err(unseen(error)),
        }
    }

    async fn recorder_info(
        &self,
        session: SessionId,
    ) -> Result<Option<RecorderInfo>, ExecutorError> {
        ah_recorder::info(&self.folder(session))
            .await
            .map_err(|error| ExecutorError::caused_by("its recorder does not answer", error))
    }

    async fn attach(
        &self,
        session: SessionId,
        fence: Fence,
        from: JournalPosition,
    ) -> std::io::Result<Attachment> {
        recorder::attach(&self.folder(session), fence, from).await
    }

    async fn left_over(
        &self,
        session: SessionId,
        from: JournalPosition,
        limit: usize,
    ) -> Result<Vec<(JournalRecord, JournalPosition)>, ExecutorError> {
        let folder = self.folder(session);
        // The read is bounded and from a local disk, but it blocks.
        let read = move || journal::read_from(&folder, from.0, limit);
        let records = tokio::task::spawn_blocking(read)
            .await
            .map_err(|error| ExecutorError::caused_by("reading its journal was cut short", error))?
            .map_err(|error| ExecutorError::caused_by("its journal cannot be read", error))?;
        Ok(records
            .into_iter()
            .map(|(record, next)| (record, JournalPosition(next)))
            .collect())
    }

    async fn kill_recorder(&self, session: SessionId) -> Result<(), ExecutorError> {
        ah_recorder::kill(&self.folder(session))
            .map_err(|error| ExecutorError::caused_by("its recorder cannot be killed", error))
    }

    async fn sweep(&self, session: SessionId) -> Result<u32, ExecutorError> {
        let folder = self.folder(session);
        let swept = sweep_folder(session, &folder).await.map_err(|error| {
            ExecutorError::caused_by("what is left of its processes could not be ended", error)
        })?;
        // A recorder removes them itself, unless it was killed.
        let removed = ah_recorder::is_alive(&folder).and_then(|is_alive| match is_alive {
            true => Ok(()),
            false => folder.remove_private(),
        });
        if let Err(error) = removed {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(session.id = %session, error, "private files of a session are left");
        }
        Ok(swept)
    }

    async fn changes(
        &self,
        session: SessionId,
    ) -> Result<(ChangeSummary, Vec<FileEntry>), ExecutorError> {
        let changes = self
            .workspaces
            .changes(&self.workspace(session).await?)
            .await
            .map_err(workspace_error)?;
        Ok((changes.summary, changes.files))
    }

    async fn diff(
        &self,
        session: SessionId,
        query: &DiffQuery,
    ) -> Result<SessionDiff, ExecutorError> {
        self.workspaces
            .diff(&self.workspace(session).await?, query)
            .await
            .map_err(workspace_error)
    }

    async fn file(
        &self,
        session: SessionId,
        path: &FilePath,
    ) -> Result<Option<FileDetails>, ExecutorError> {
        let workspace = self.workspace(session).await?;
        let found = self.workspaces.file(&workspace, path).await;
        found.map_err(workspace_error)
    }

    async fn read_file(
        &self,
        session: SessionId,
        path: &FilePath,
        query: ContentQuery,
    ) -> Result<Option<FileContent>, ExecutorError> {
        let workspace = self.workspace(session).await?;
        let found = self.workspaces.read_file(&workspace, path, query).await;
        found.map_err(workspace_error)
    }

    async fn list_files(
        &self,
        session: SessionId,
        query: &FileNodeQuery,
    ) -> Result<Option<FileNode>, ExecutorError> {
        let workspace = self.workspace(session).await?;
        let found = self.workspaces.list_files(&workspace, query).await;
        found.map_err(workspace_error)
    }

    async fn seal(&self, session: SessionId) -> Result<SealedChanges, ExecutorError> {
        let workspace = self.workspace(session).await?;
        let sealed = self.workspaces.seal(&workspace).await;
        sealed.map_err(workspace_error)
    }

    async fn discard(&self, session: SessionId) -> Result<(), ExecutorError> {
        self.workspaces
            .remove(session)
            .await
            .map_err(workspace_error)?;
        match tokio::fs::remove_dir_all(self.folder(session).path()).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(
                ExecutorError::caused_by("its recorder's folder could not be removed", error),
            ),
            _ => Ok(()),
        }
    }

    async fn reclaim(&self, session: SessionId, log: LogRetention) -> Result<(), ExecutorError> {
        remains::remove(session, &self.folder(session), log).await?;
        self.workspaces
            .reclaim(session)
            .await
            .map_err(workspace_error)
    }

    async fn remains(&self, limit: usize) -> Result<Vec<SessionId>, ExecutorError> {
        let (sessions, workspaces) = (self.sessions.clone(), self.workspaces.clone());
        let list = move || remains::list(&sessions, &workspaces, limit);
        tokio::task::spawn_blocking(list).await.map_err(|error| {
            ExecutorError::caused_by("the look for remains was cut short", error)
        })?
    }

    async fn branches(&self, source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError> {
        self.workspaces
            .branches(source)
            .await
            .map_err(workspace_error)
    }
}

/// Checks that a repository's path, if it is one, is a folder.
async fn check_folder(source: &RepositorySource) -> Result<(), String> {
    let Some(path) = source.as_path() else {
        return Ok(());
    };
    match tokio::fs::metadata(path).await {
        Ok(metadata) if metadata.is_dir() => Ok(()),
        _ => Err(format!("{} is not a folder of this host", path.display())),
    }
}
