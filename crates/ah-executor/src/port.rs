//! The port to the host of a session: its workspace, its recorder and its processes.

use ah_lifecycle::{Fence, JournalPosition, JournalRecord};
use ah_rest_api_contract::{
    Agent, AgentSelection, AgentType, Branch, ChangeSummary, ContentQuery, DiffQuery, ExecutorInfo,
    FieldErrors, FileContent, FileDetails, FileEntry, FileNode, FileNodeQuery, FilePath,
    RecorderInfo, RepositorySource, Runtime, SandboxProfile, SessionDiff, SessionId,
    SessionIsolation, SessionWorkspace,
};
use async_trait::async_trait;

use crate::{AgentLaunch, Attachment};

/// A failure of a host. The message is for clients, and contains no paths of the host besides the
/// workspace. The source is for logs.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ExecutorError {
    /// The operation that failed, its object, and a remedy.
    pub message: String,
    /// The field of the task that is invalid, if any.
    pub field: Option<&'static str>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ExecutorError {
    /// Creates an error from a sentence.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            field: None,
            source: None,
        }
    }

    /// Creates an error from a sentence and its cause.
    pub fn caused_by(
        message: impl Into<String>,
        source: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        Self {
            message: message.into(),
            field: None,
            source: Some(Box::new(source)),
        }
    }

    /// Returns the text for clients: the message with the error of the operating system, if one is
    /// the cause.
    ///
    /// Other causes are in the log, to which a message that is no sentence refers.
    #[must_use]
    pub fn explanation(&self) -> String {
        let mut next = self
            .source
            .as_deref()
            .map(|it| it as &dyn std::error::Error);
        if next.is_none() || self.message.ends_with('.') {
            return self.message.clone();
        }
        while let Some(error) = next {
            let error_of_system = error.downcast_ref::<std::io::Error>();
            if let Some(code) = error_of_system.and_then(std::io::Error::raw_os_error) {
                let cause = std::io::Error::from_raw_os_error(code);
                return format!("{}: {cause}", self.message);
            }
            next = error.source();
        }
        format!(
            "{}; the log of the access point has the cause",
            self.message
        )
    }
}

/// The cause of an [`ExecutorError`] about a workspace that no longer exists.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the workspace no longer exists")]
pub struct WorkspaceLost;

impl WorkspaceLost {
    /// Returns true if this is the cause of `error`.
    #[must_use]
    pub fn caused(error: &ExecutorError) -> bool {
        error
            .source
            .as_deref()
            .is_some_and(|source| source.downcast_ref::<Self>().is_some())
    }
}

/// A request for a workspace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceRequest {
    /// The session.
    pub session: SessionId,
    /// The repository. The workspace is an empty folder if absent.
    pub source: Option<RepositorySource>,
    /// The branch to start from; by default the one that the source's HEAD names.
    pub branch: Option<String>,
    /// The commit to start from, in at least 4 hexadecimal digits; by default the last of the
    /// branch.
    pub commit: Option<String>,
    /// The names of the preferred providers; the host's own order if empty.
    pub preference: Vec<String>,
}

/// The progress of a workspace that is being created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProvisioningStage {
    /// The operation and its object, such as `fetching https://example.org/a`.
    pub stage: String,
    /// The progress of the operation, from 0 to 100.
    pub percent: u8,
}

/// A workspace that exists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// The location of the workspace.
    pub workspace: SessionWorkspace,
    /// The commit that is checked out; absent for an empty folder.
    pub commit: Option<String>,
    /// The branch that the repository's HEAD names.
    pub default_branch: Option<String>,
    /// Warnings for the user about the creation of the workspace.
    pub notes: Vec<String>,
}

/// The stored changes of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SealedChanges {
    /// The totals over all files.
    pub summary: ChangeSummary,
    /// Sentences for people about what is not stored.
    pub notes: Vec<String>,
}

/// The state of a session's recorder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecorderState {
    /// The recorder has never run.
    Never,
    /// The recorder runs.
    Alive,
    /// The recorder ran and has ended.
    Gone,
}

/// The use of a recorder's log after the end of its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogRetention {
    /// The log is kept for some days, because it may explain the end.
    Keep,
    /// The log is removed.
    Remove,
}

/// A host that runs sessions.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Describes the host.
    fn info(&self) -> ExecutorInfo {
        ExecutorInfo::this_host()
    }

    /// Returns the runtimes of its agents.
    fn runtimes(&self) -> Vec<Runtime> {
        vec![Runtime::local([SandboxProfile::Disabled])]
    }

    /// Returns the isolation that this host gives to an agent of a profile, or to most agents; `None`
    /// if it has no sandbox.
    async fn isolation(
        &self,
        _profile: SandboxProfile,
        _agent: Option<&AgentType>,
    ) -> Option<SessionIsolation> {
        None
    }

    /// Checks that this host enforces what its configuration requires of a profile.
    ///
    /// # Errors
    /// The protections that are missing, as a sentence.
    async fn check_isolation(
        &self,
        _profile: SandboxProfile,
        _agent: Option<&AgentType>,
    ) -> Result<(), String> {
        Ok(())
    }

    /// Returns the agents of this host, with the versions known so far.
    fn agents(&self) -> Vec<Agent>;

    /// Queries the programs of agents for the versions that are not known yet.
    async fn discover_versions(&self);

    /// Checks that this host can run a selected agent.
    ///
    /// # Errors
    /// The fields of the selection that are wrong.
    fn check_agent(&self, selection: &AgentSelection) -> Result<(), FieldErrors>;

    /// Checks that this host can read a repository's address, as far as that is possible without
    /// the network.
    ///
    /// # Errors
    /// The fault of the address, as the message of a field.
    async fn check_source(&self, source: &RepositorySource) -> Result<(), String>;

    /// Creates the session's workspace, or returns the existing one.
    async fn provision(&self, request: &WorkspaceRequest) -> Result<Provisioned, ExecutorError>;

    /// Returns the progress of [`Executor::provision`] for a session, if it is known.
    fn provisioning_stage(&self, session: SessionId) -> Option<ProvisioningStage>;

    /// Starts the session's recorder with its agent, unless it already runs.
    async fn launch(&self, launch: &AgentLaunch) -> Result<(), ExecutorError>;

    /// Returns the state of the session's recorder. A state that cannot be determined is an error,
    /// never [`RecorderState::Gone`].
    async fn recorder_state(&self, session: SessionId) -> Result<RecorderState, ExecutorError>;

    /// Returns the state of the session's recorder, or `None` if none runs. Answered within a few
    /// seconds, also if an attendant is attached.
    async fn recorder_info(
        &self,
        session: SessionId,
    ) -> Result<Option<RecorderInfo>, ExecutorError>;

    /// Attaches to the session's recorder and reads its journal from `from` on.
    async fn attach(
        &self,
        session: SessionId,
        fence: Fence,
        from: JournalPosition,
    ) -> std::io::Result<Attachment>;

    /// Returns at most `limit` journal records of a recorder that is gone, starting at `from`. Each
    /// record comes with the position after it.
    async fn left_over(
        &self,
        session: SessionId,
        from: JournalPosition,
        limit: usize,
    ) -> Result<Vec<(JournalRecord, JournalPosition)>, ExecutorError>;

    /// Kills the recorder of the session, if one runs, without asking it. The recorder and its agent
    /// may live for a moment longer.
    async fn kill_recorder(&self, session: SessionId) -> Result<(), ExecutorError>;

    /// Ends every remaining process of the session and returns their number.
    async fn sweep(&self, session: SessionId) -> Result<u32, ExecutorError>;

    /// Returns the changes of the session so far.
    async fn changes(
        &self,
        session: SessionId,
    ) -> Result<(ChangeSummary, Vec<FileEntry>), ExecutorError>;

    /// Returns the diff of the session's changes so far.
    async fn diff(
        &self,
        session: SessionId,
        query: &DiffQuery,
    ) -> Result<SessionDiff, ExecutorError>;

    /// Returns a file or folder of the session's workspace, or a file that the session deleted.
    async fn file(
        &self,
        session: SessionId,
        path: &FilePath,
    ) -> Result<Option<FileDetails>, ExecutorError>;

    /// Returns a part of a file of the session's workspace, if there is such a file.
    async fn read_file(
        &self,
        session: SessionId,
        path: &FilePath,
        query: ContentQuery,
    ) -> Result<Option<FileContent>, ExecutorError>;

    /// Returns a folder of the session's workspace with its files, if there is such a folder.
    async fn list_files(
        &self,
        session: SessionId,
        query: &FileNodeQuery,
    ) -> Result<Option<FileNode>, ExecutorError>;

    /// Stores the session's changes permanently. Takes bounded time; what is not stored is named.
    async fn seal(&self, session: SessionId) -> Result<SealedChanges, ExecutorError>;

    /// Removes the session's workspace and its recorder's folder.
    async fn discard(&self, session: SessionId) -> Result<(), ExecutorError>;

    /// Removes what is left of an ended session's recorder: its folder, its control group, and a
    /// workspace that was never completed or whose removal was interrupted. Waits a few seconds for
    /// the end of the recorder. The workspace itself is kept.
    async fn reclaim(&self, session: SessionId, log: LogRetention) -> Result<(), ExecutorError>;

    /// Returns sessions of which this host has something that [`Executor::reclaim`] removes after
    /// their end, at most `limit`. Also removes what belongs to no session.
    async fn remains(&self, limit: usize) -> Result<Vec<SessionId>, ExecutorError>;

    /// Returns the branches of a repository, queried from the repository itself.
    async fn branches(&self, source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError>;
}
