//! The trait that programs are written against.

use std::pin::Pin;

use async_trait::async_trait;
use futures::Stream;

use crate::{
    Agent, AllEventsQuery, AttachmentContent, AttachmentHash, BranchList, ContentQuery, DeepHealth,
    DiffQuery, Draft, DraftId, DraftUpdate, EventFilter, EventQuery, EventSeq, ExecutorInfo,
    FileContent, FileDetails, FileDiff, FileDiffQuery, FileEntry, FileNode, FileNodeQuery,
    FilePath, FileQuery, LaunchedTask, LogCursor, Page, PageRequest, Permission, PermissionAnswer,
    PermissionId, Project, Prompt, PromptContent, PromptId, PromptReceipt, PromptRequest,
    Repository, RepositoryId, RepositoryQuery, Runtime, Session, SessionDiff, SessionEvent,
    SessionId, SessionInfo, SessionQuery, StreamItem, Task, TaskId, TaskLaunchParams,
    TaskManagerError, Version, WorkspaceInfo, WorkspaceQuery,
};

/// A stream of one session's events. It starts at a cursor and ends after the terminal `status`
/// event. It can be dropped at any point, and resumed from the last `seq` received.
///
/// An error is its last item. After a retryable one ([`crate::ErrorKind::is_retryable`]) the caller
/// resumes with a new stream. The client of a server resumes lost connections by itself, so that
/// such an error is rare there; other implementations do not resume.
pub type EventStream =
    Pin<Box<dyn Stream<Item = Result<StreamItem, TaskManagerError>> + Send + 'static>>;

/// A stream of the events of many sessions, each with the cursor to resume after. It ends only with
/// an error.
pub type AllEventsStream = Pin<
    Box<dyn Stream<Item = Result<(LogCursor, SessionEvent), TaskManagerError>> + Send + 'static>,
>;

/// The first page of drafts and of sessions, for the start of a program.
///
/// Both are pages of [`PageRequest::largest`]. If there are more items, [`Page::next_page`] is set,
/// and [`TaskManager::list_drafts`] and [`TaskManager::list_sessions`] return the rest.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct InitialTasks {
    /// The drafts, the last saved first.
    pub drafts: Page<Draft>,
    /// The sessions, newest first.
    pub sessions: Page<Session>,
}

impl InitialTasks {
    /// Creates the first pages of drafts and of sessions.
    #[must_use]
    pub const fn new(drafts: Page<Draft>, sessions: Page<Session>) -> Self {
        Self { drafts, sessions }
    }
}

/// Launches agents on tasks, reports their activity, and steers them.
///
/// The [`crate::ErrorKind`] of an error means the same in every implementation. An unknown id is
/// always [`crate::ErrorKind::NotFound`]. An action that the session's status does not admit
/// ([`crate::SessionStatus::admits`]) is a [`crate::ErrorKind::Conflict`] that names the status. A
/// prompt or an answer to an ended session is [`crate::ErrorKind::Gone`]. Repeating an action that
/// is already in effect succeeds.
///
/// The trait is object-safe, and everything it returns is `Send`. A program can hold it as `&dyn
/// TaskManager` or `Arc<dyn TaskManager>`, independent of the implementation. Every future can be
/// dropped at any point. The operation is then either complete or has no effect; a later query
/// shows which.
///
/// A program that launches a task and prints its events to the end. It resumes an interrupted
/// stream, so that each event is printed exactly once:
///
/// ```
/// use ah_rest_api_contract::{
///     EventFilter, EventPayload, EventSeq, RepoConfig, SessionStatus, StreamItem, TaskLaunchParams,
///     TaskManager, TaskManagerError,
/// };
/// use futures::StreamExt;
///
/// async fn run(manager: &dyn TaskManager, prompt: &str) -> Result<SessionStatus, TaskManagerError> {
///     let repo = RepoConfig::git("/home/me/project");
///     let params = TaskLaunchParams::builder(prompt, repo, "scenario").build()?;
///     let launched = manager.launch_task(params).await?;
///     let session = launched.session_ids[0]; // One agent, so there is one.
///
///     let mut cursor = EventSeq::START;
///     loop {
///         let mut events = manager
///             .task_events_stream(session, cursor, EventFilter::default())
///             .await?;
///         while let Some(item) = events.next().await {
///             let event = match item {
///                 Ok(StreamItem::Event(event)) => event,
///                 Ok(StreamItem::Gap(gap)) => {
///                     eprintln!("history before event {} is gone", gap.earliest_seq);
///                     continue;
///                 }
///                 Ok(StreamItem::Ephemeral(_)) => continue,
///                 Err(error) if error.kind().is_retryable() => break,
///                 Err(error) => return Err(error),
///             };
///             cursor = event.seq;
///             match event.payload {
///                 EventPayload::Thought(thought) => println!("thinks: {}", thought.thought),
///                 EventPayload::ToolUse(tool) => println!("uses {}", tool.tool_name),
///                 EventPayload::FileEdit(edit) => println!("edits {}", edit.file_path),
///                 EventPayload::Status(change) if change.status.is_terminal() => {
///                     return Ok(change.status);
///                 }
///                 _ => {}
///             }
///         }
///     }
/// }
/// # fn shared(_: std::sync::Arc<dyn TaskManager>) {}
/// ```
#[async_trait]
pub trait TaskManager: Send + Sync {
    /// Returns a description for display: `in-process engine at /home/me/.local/state/…`.
    fn description(&self) -> String;

    /// Returns the version of the access point.
    async fn version(&self) -> Result<Version, TaskManagerError>;

    /// Checks the dependencies of the access point. A program can show why sessions do not start.
    async fn deep_health(&self) -> Result<DeepHealth, TaskManagerError>;

    /// Launches a task: `count` queued sessions for each agent. The operation is atomic, and the
    /// sessions are durable when it returns.
    ///
    /// Each call launches another task, unless the parameters carry an idempotency key
    /// ([`TaskLaunchParams::with_idempotency_key`]). A program that may repeat a call whose result
    /// it did not receive sets a key, keeps it, and repeats the call with it: the task is launched
    /// once, and each call returns it.
    async fn launch_task(&self, params: TaskLaunchParams)
    -> Result<LaunchedTask, TaskManagerError>;

    /// Returns a task and its sessions.
    async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError>;

    /// Returns a page of sessions, newest first.
    async fn list_sessions(&self, query: SessionQuery) -> Result<Page<Session>, TaskManagerError>;

    /// Returns a session.
    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError>;

    /// Returns the hosts that a session runs on, the address of its events, and the state of the
    /// parts that run it.
    async fn get_session_info(&self, id: SessionId) -> Result<SessionInfo, TaskManagerError> {
        Ok(SessionInfo::of(&self.get_session(id).await?))
    }

    /// Streams the session's events after `after`, first those in the log, then new ones. Every
    /// event that `filter` admits is yielded exactly once, in order.
    ///
    /// The stream of an ended session ends after the last event of its log; it is empty if `after`
    /// is that event. A number beyond the last event is a [`crate::ErrorKind::Validation`] of
    /// `after`: it is of another session or of a lost log, and the stream would wait there for ever.
    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError>;

    /// Streams the events of many sessions in commit order, each with the cursor to resume after.
    ///
    /// Without [`AllEventsQuery::after`] the stream starts with the next event. It contains no
    /// ephemeral events. Unknown session ids are ignored. A cursor that is not among the events, such
    /// as that of another server, is a [`crate::ErrorKind::Validation`] of `after`.
    async fn all_events(&self, query: AllEventsQuery) -> Result<AllEventsStream, TaskManagerError>;

    /// Returns a page of the session's history.
    async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError>;

    /// Sends a prompt to the session's agent: after its turn, or during it if the agent can be
    /// steered. The prompt is durable when this returns.
    async fn prompt_session(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError>;

    /// Returns a page of the session's prompts, oldest first, each with its state.
    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError>;

    /// Withdraws a prompt that is still queued.
    async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError>;

    /// Ends the agent's current turn, but not the session. Has no effect if there is no turn.
    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError>;

    /// Freezes all processes of the session. The returned status may be `pausing`; the event stream
    /// reports the change to `paused`.
    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError>;

    /// Resumes a paused session, and sends `prompt` to its agent if present.
    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError>;

    /// Ends the session: its agent is asked to end, then terminated. The returned status may be
    /// `stopping`; the event stream reports when no process remains.
    async fn stop_session(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError>;

    /// Ends the session immediately and deletes its workspace. An ended session is only hidden from
    /// lists. No process of the session remains when this returns.
    async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError>;

    /// Returns a page of the session's permission requests, oldest first, each with its state.
    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Permission>, TaskManagerError>;

    /// Answers a pending permission request. An already resolved one is a
    /// [`crate::ErrorKind::Conflict`].
    async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError>;

    /// Returns the first page of drafts and of sessions, for the start of a program.
    async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError>;

    /// Returns a page of the drafts, the last saved first.
    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError>;

    /// Returns a draft.
    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError>;

    /// Creates or updates a draft.
    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError>;

    /// Deletes a draft.
    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError>;

    /// Returns a page of the agents that tasks can name.
    async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError>;

    /// Returns a page of the runtimes that tasks can request.
    async fn list_runtimes(&self, page: PageRequest) -> Result<Page<Runtime>, TaskManagerError>;

    /// Returns a page of the hosts that run sessions.
    async fn list_executors(
        &self,
        page: PageRequest,
    ) -> Result<Page<ExecutorInfo>, TaskManagerError>;

    /// Returns a page of the projects that sessions belong to, the last used first.
    async fn list_projects(&self, page: PageRequest) -> Result<Page<Project>, TaskManagerError>;

    /// Returns a page of the workspaces of sessions that are not hidden, the newest first.
    async fn list_workspaces(
        &self,
        query: WorkspaceQuery,
    ) -> Result<Page<WorkspaceInfo>, TaskManagerError>;

    /// Returns a page of the repositories on which tasks were launched, the last used first.
    async fn list_repositories(
        &self,
        query: RepositoryQuery,
    ) -> Result<Page<Repository>, TaskManagerError>;

    /// Returns a repository.
    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError>;

    /// Returns the branches of a repository, read from the repository itself.
    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError>;

    /// Returns a page of the files that the session changed, sorted by path.
    async fn list_session_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError>;

    /// Returns the changes of the session as a diff against the commit at which it started.
    async fn get_session_diff(
        &self,
        id: SessionId,
        query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError>;

    /// Returns a file or folder of the session's workspace, changed or not. A path that is neither in
    /// the workspace nor deleted by the session is [`crate::ErrorKind::NotFound`].
    async fn get_session_file(
        &self,
        id: SessionId,
        path: FilePath,
    ) -> Result<FileDetails, TaskManagerError>;

    /// Returns a part of a file of the session's workspace, changed or not. A part ends early rather
    /// than within a character. A folder is [`crate::ErrorKind::NotFound`], like a missing file.
    async fn read_session_file(
        &self,
        id: SessionId,
        path: FilePath,
        query: ContentQuery,
    ) -> Result<FileContent, TaskManagerError>;

    /// Returns a folder of the session's workspace with its files, changed or not: at most
    /// [`crate::FILE_NODES_MAX`] entries.
    async fn list_workspace_files(
        &self,
        id: SessionId,
        query: FileNodeQuery,
    ) -> Result<FileNode, TaskManagerError>;

    /// Returns the changes of the session to one file, which may be named by its previous path. An
    /// unchanged file is [`crate::ErrorKind::NotFound`].
    async fn get_file_diff(
        &self,
        id: SessionId,
        path: FilePath,
        query: FileDiffQuery,
    ) -> Result<FileDiff, TaskManagerError>;

    /// Returns an attachment of the session, by the hash in the event that refers to it. The
    /// attachments of a cancelled session are erased, and [`crate::ErrorKind::NotFound`].
    async fn get_session_attachment(
        &self,
        id: SessionId,
        hash: AttachmentHash,
    ) -> Result<AttachmentContent, TaskManagerError>;
}
