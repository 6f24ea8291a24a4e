//! The trait that a program is written against.

use std::pin::Pin;

use async_trait::async_trait;
use futures::Stream;

use crate::{
    Agent, AllEventsQuery, BranchList, DiffQuery, Draft, DraftId, DraftUpdate, EventFilter,
    EventQuery, EventSeq, FileEntry, FileQuery, LaunchedTask, LogCursor, Page, PageRequest,
    Permission, PermissionAnswer, PermissionId, Prompt, PromptContent, PromptId, PromptReceipt,
    PromptRequest, Repository, RepositoryId, Session, SessionDiff, SessionEvent, SessionId,
    SessionQuery, StreamItem, Task, TaskId, TaskLaunchParams, TaskManagerError,
};

/// A stream of one session's events, from a cursor to the terminal `status` event, after which it
/// ends. It may be dropped at any point and taken up again from the last `seq` seen.
pub type EventStream =
    Pin<Box<dyn Stream<Item = Result<StreamItem, TaskManagerError>> + Send + 'static>>;

/// A stream of the events of many sessions, each with the cursor to resume after. It has no end,
/// except that an error ends it.
pub type AllEventsStream = Pin<
    Box<dyn Stream<Item = Result<(LogCursor, SessionEvent), TaskManagerError>> + Send + 'static>,
>;

/// The first page of drafts and of sessions, which a program shows when it starts.
///
/// Both are pages of [`PageRequest::largest`]. If there are more, [`Page::next_page`] says so, and
/// [`TaskManager::list_drafts`] and [`TaskManager::list_sessions`] return the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct InitialTasks {
    /// The drafts, the last saved first.
    pub drafts: Page<Draft>,
    /// The sessions, newest first.
    pub sessions: Page<Session>,
}

/// Launches agents on tasks, shows what they do, and steers them.
///
/// Every method answers with an error whose [`crate::ErrorKind`] means the same in every
/// implementation; an id that is not known is always [`crate::ErrorKind::NotFound`], and an action
/// that the session's status does not admit ([`crate::SessionStatus::admits`]) is a
/// [`crate::ErrorKind::Conflict`] that names the status, or [`crate::ErrorKind::Gone`] for a prompt
/// or an answer to a session that has ended. Repeating what is already so is a success.
///
/// The trait is object-safe, and everything it returns is `Send`, so a program holds it as
/// `&dyn TaskManager` or `Arc<dyn TaskManager>` and never knows which implementation it has. Every
/// future may be dropped at any point; what it asked for has then been done whole or not at all,
/// and asking again tells which.
///
/// A program that launches a task and shows it to its end, taking the stream up again where it
/// broke off, so that no event is missed and none shown twice:
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
    /// What this is, for a person: `in-process engine at /home/me/.local/state/…`.
    fn description(&self) -> String;

    /// Launches a task: one queued session for each agent, times its count. All of it is durable
    /// when this returns, or none of it happened.
    async fn launch_task(&self, params: TaskLaunchParams)
    -> Result<LaunchedTask, TaskManagerError>;

    /// The task and its sessions.
    async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError>;

    /// A page of sessions, newest first.
    async fn list_sessions(&self, query: SessionQuery) -> Result<Page<Session>, TaskManagerError>;

    /// One session.
    async fn get_session(&self, id: SessionId) -> Result<Session, TaskManagerError>;

    /// The session's events after `after`, then those to come. History and what follows it have
    /// no seam: every event that `filter` admits comes once, in order.
    async fn task_events_stream(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Result<EventStream, TaskManagerError>;

    /// The events of many sessions in commit order, each with the cursor to resume after.
    ///
    /// Without [`AllEventsQuery::after`] the stream begins with the next event. It carries no
    /// ephemeral events, and no events of sessions that do not exist.
    async fn all_events(&self, query: AllEventsQuery) -> Result<AllEventsStream, TaskManagerError>;

    /// A page of the session's history.
    async fn list_events(
        &self,
        id: SessionId,
        query: EventQuery,
    ) -> Result<Page<SessionEvent>, TaskManagerError>;

    /// Says something to the session's agent: after its turn, or in the middle of it where it can
    /// be steered. The prompt is durable when this returns.
    async fn prompt_session(
        &self,
        id: SessionId,
        request: PromptRequest,
    ) -> Result<PromptReceipt, TaskManagerError>;

    /// A page of the session's prompts, oldest first, each with its state.
    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, TaskManagerError>;

    /// Takes back a prompt that still waits.
    async fn withdraw_prompt(
        &self,
        id: SessionId,
        prompt: PromptId,
    ) -> Result<(), TaskManagerError>;

    /// Ends the agent's current turn, not the session. Without a turn it does nothing.
    async fn interrupt_session(&self, id: SessionId) -> Result<Session, TaskManagerError>;

    /// Freezes every process of the session. The reply may say `pausing`; the event stream says
    /// when it is paused.
    async fn pause_session(&self, id: SessionId) -> Result<Session, TaskManagerError>;

    /// Lets a paused session go on, and says `prompt` to its agent if there is one.
    async fn resume_session(
        &self,
        id: SessionId,
        prompt: Option<PromptContent>,
    ) -> Result<Session, TaskManagerError>;

    /// Ends the session: its agent is asked, then made, to end. The reply may say `stopping`; the
    /// event stream says when no process is left.
    async fn stop_session(
        &self,
        id: SessionId,
        reason: Option<String>,
    ) -> Result<Session, TaskManagerError>;

    /// Ends the session at once and gives up its workspace; an ended one is only hidden from
    /// lists. When this returns no process of it is left.
    async fn cancel_session(&self, id: SessionId) -> Result<(), TaskManagerError>;

    /// A page of the session's permission requests, oldest first, each with its state.
    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Permission>, TaskManagerError>;

    /// Answers a permission request that still waits; one that was settled before is a
    /// [`crate::ErrorKind::Conflict`].
    async fn answer_permission(
        &self,
        id: SessionId,
        request: PermissionId,
        answer: PermissionAnswer,
    ) -> Result<Permission, TaskManagerError>;

    /// The first page of drafts and of sessions, for a program that starts.
    async fn get_initial_tasks(&self) -> Result<InitialTasks, TaskManagerError>;

    /// A page of the drafts, the last saved first.
    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, TaskManagerError>;

    /// One draft.
    async fn get_draft(&self, id: DraftId) -> Result<Draft, TaskManagerError>;

    /// Saves a draft: a new one, or the change of an old one.
    async fn save_draft_task(&self, draft: DraftUpdate) -> Result<Draft, TaskManagerError>;

    /// Deletes a draft.
    async fn delete_draft_task(&self, id: DraftId) -> Result<(), TaskManagerError>;

    /// A page of the agents that tasks can name.
    async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError>;

    /// A page of the repositories that tasks were launched on, the last used first.
    async fn list_repositories(
        &self,
        page: PageRequest,
    ) -> Result<Page<Repository>, TaskManagerError>;

    /// One repository.
    async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError>;

    /// The branches of a repository, asked of the repository itself.
    async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError>;

    /// A page of the files that the session changed, by path.
    async fn list_session_files(
        &self,
        id: SessionId,
        query: FileQuery,
    ) -> Result<Page<FileEntry>, TaskManagerError>;

    /// What the session changed, as a diff against the commit it began at.
    async fn get_session_diff(
        &self,
        id: SessionId,
        query: DiffQuery,
    ) -> Result<SessionDiff, TaskManagerError>;
}
