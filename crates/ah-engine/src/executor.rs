//! The port to the host that runs a session: its workspace, its recorder, its processes.

use std::pin::Pin;

use ah_agents::protocol::{Frame, JournalRecord, Request};
use ah_agents::{AgentProgram, LaunchSpec};
use ah_rest_api_contract::{
    Agent, AgentSelection, Branch, ChangeSummary, DiffQuery, FieldErrors, FileEntry,
    RepositorySource, SessionDiff, SessionId, SessionWorkspace,
};
use ah_store::{Fence, JournalPosition};
use async_trait::async_trait;
use futures::Stream;

/// What a host could not do. The message is a sentence for the session's reason.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct ExecutorError {
    /// What failed on what, and what to do.
    pub message: String,
    /// Which field of the task is at fault, if one is.
    pub field: Option<&'static str>,
    /// The cause.
    #[source]
    pub source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ExecutorError {
    /// An error with a sentence and its cause.
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
}

/// A workspace to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceRequest {
    /// For which session.
    pub session: SessionId,
    /// Of which repository; an empty folder when absent.
    pub source: Option<RepositorySource>,
    /// At the head of which branch.
    pub branch: Option<String>,
    /// At which commit.
    pub commit: Option<String>,
}

/// A workspace that was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provisioned {
    /// Where it is.
    pub workspace: SessionWorkspace,
    /// The commit it is at; absent for an empty folder.
    pub commit: Option<String>,
    /// The branch that the repository's HEAD names.
    pub default_branch: Option<String>,
    /// What the user should know about how it was made.
    pub notes: Vec<String>,
}

/// Whether a session's recorder lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecorderState {
    /// It has never run.
    Never,
    /// It runs.
    Alive,
    /// It has run and does no longer.
    Gone,
}

/// What a recorder sends.
pub type Frames = Pin<Box<dyn Stream<Item = std::io::Result<Frame>> + Send>>;

/// The sending half of an attachment to a recorder.
#[async_trait]
pub trait Requests: Send {
    /// Sends one request.
    async fn send(&mut self, request: &Request) -> std::io::Result<()>;
}

/// An attachment to a living recorder.
pub struct Attachment {
    /// What it sends.
    pub frames: Frames,
    /// What it is sent.
    pub requests: Box<dyn Requests>,
}

/// A host that runs sessions.
#[async_trait]
pub trait Executor: Send + Sync + 'static {
    /// Returns the agents of this host, with the versions known so far.
    fn agents(&self) -> Vec<Agent>;

    /// Asks the programs of agents for the versions that are not known yet.
    async fn discover_versions(&self);

    /// Returns the program that runs a selected agent on this host.
    ///
    /// # Errors
    /// The fields of the selection that are wrong.
    fn resolve_agent(&self, selection: &AgentSelection) -> Result<AgentProgram, FieldErrors>;

    /// Checks that this host can read a repository's address, as far as that is possible without
    /// the network.
    ///
    /// # Errors
    /// The fault of the address, as the message of a field.
    async fn check_source(&self, source: &RepositorySource) -> Result<(), String>;

    /// Makes the session's workspace, or finds the one that was made before.
    async fn provision(&self, request: &WorkspaceRequest) -> Result<Provisioned, ExecutorError>;

    /// Starts the session's recorder, unless it runs.
    async fn launch(&self, spec: &LaunchSpec) -> Result<(), ExecutorError>;

    /// Whether the session's recorder lives. What cannot be told is an error: a recorder is not
    /// gone because nobody could look.
    async fn recorder_state(&self, session: SessionId) -> Result<RecorderState, ExecutorError>;

    /// Attaches to the session's recorder and reads its journal from `from` on.
    async fn attach(
        &self,
        session: SessionId,
        fence: Fence,
        from: JournalPosition,
    ) -> std::io::Result<Attachment>;

    /// At most `limit` records of the journal of a recorder that is gone, from `from` on, each
    /// with the position after it.
    async fn left_over(
        &self,
        session: SessionId,
        from: JournalPosition,
        limit: usize,
    ) -> Result<Vec<(JournalRecord, JournalPosition)>, ExecutorError>;

    /// Ends every process of the session that is left, and says how many there were.
    async fn sweep(&self, session: SessionId) -> Result<u32, ExecutorError>;

    /// What the session has changed so far.
    async fn changes(
        &self,
        session: SessionId,
    ) -> Result<(ChangeSummary, Vec<FileEntry>), ExecutorError>;

    /// The diff of what the session has changed so far.
    async fn diff(
        &self,
        session: SessionId,
        query: &DiffQuery,
    ) -> Result<SessionDiff, ExecutorError>;

    /// Keeps what the session has changed, for good, and says how much it is.
    async fn seal(&self, session: SessionId) -> Result<ChangeSummary, ExecutorError>;

    /// Removes the session's workspace and its recorder's folder.
    async fn discard(&self, session: SessionId) -> Result<(), ExecutorError>;

    /// The branches of a repository, asked of the repository itself.
    async fn branches(&self, source: &RepositorySource) -> Result<Vec<Branch>, ExecutorError>;
}
