//! The contract of the Agent Harbor access point.
//!
//! Every type that crosses a boundary of the access point exists once, here, and the server, its
//! clients and its mock all use that one type:
//!
//! * what a client asks for: [`TaskLaunchParams`], [`PromptRequest`], [`PermissionAnswer`], the
//!   queries;
//! * what it is told: [`Session`], [`SessionEvent`], [`SessionDiff`], [`Page`];
//! * what it is refused with: [`Problem`] (RFC 9457) inside a [`TaskManagerError`];
//! * and the trait that binds them: [`TaskManager`], which a program is written against so that
//!   an engine in the same process, a server across the network and a mock under a paused clock
//!   can stand in for each other.
//!
//! The crate does no I/O and knows no runtime: whoever depends on it links neither a web server
//! nor a database. What implements the trait is elsewhere: `RestClient` in `ah-rest-client`
//! for a server, `LocalTaskManager` in `ah-engine` for an engine in the process, and
//! `MockTaskManager` in `ah-rest-mock-client` for tests. `examples/dashboard` is a whole program
//! that does not know which of them it has.
//!
//! # Writing a program
//!
//! Write it against `&dyn TaskManager`; the trait's own page has a whole one. The way through:
//!
//! 1. [`TaskManager::get_initial_tasks`] for what there is already: drafts, and sessions with
//!    their status, recent events and changes, enough to draw a list.
//! 2. [`TaskLaunchParams::builder`] to describe a task. `build` judges every field at once and
//!    returns [`FieldErrors`], one entry a field, under the names that a form would use.
//! 3. [`TaskManager::launch_task`], then [`TaskManager::task_events_stream`] for each session.
//! 4. [`TaskManager::prompt_session`], [`TaskManager::answer_permission`] and the others to steer.
//!    They answer at once with what was taken in; what became of it comes as an event.
//! 5. [`TaskManager::get_session_diff`] for the result.
//!
//! Decide by [`TaskManagerError::kind`], never by its words, and try again only what
//! [`ErrorKind::is_retryable`] says may work.
//!
//! Lists come in pages. All of one:
//!
//! ```
//! use ah_rest_api_contract::{PageRequest, Session, SessionQuery, TaskManager, TaskManagerError};
//!
//! async fn every_session(manager: &dyn TaskManager) -> Result<Vec<Session>, TaskManagerError> {
//!     let mut query = SessionQuery {
//!         page: PageRequest::largest(),
//!         ..SessionQuery::default()
//!     };
//!     let mut sessions = Vec::new();
//!     loop {
//!         let page = manager.list_sessions(query.clone()).await?;
//!         sessions.extend(page.items);
//!         match page.next_page {
//!             Some(next) => query.page = PageRequest::new(next, query.page.per_page())?,
//!             None => return Ok(sessions),
//!         }
//!     }
//! }
//! ```
//!
//! # Reading a session
//!
//! Everything that happens to a session is an event in its append-only log, numbered 1, 2, 3…
//! without gaps by [`EventSeq`]. That number is the cursor of every reader: it is the SSE `id:`,
//! the paging cursor and the place to resume from. Filters choose events and never renumber.
//!
//! A [`Session`] is a view of its log, as of [`Session::last_seq`]. To draw a session and keep it
//! current without missing anything, read it and stream from that place on. A stream yields
//! [`StreamItem`]s: events of the log, a [`Gap`] where retention has removed some, and, only when
//! [`EventFilter::with_ephemeral`] asks for them, pieces of text in the making. It ends after the
//! `status` event that is terminal. A stream that breaks off is taken up from the last
//! [`EventSeq`] seen; who reads slowly is only behind, and misses nothing.
//!
//! ```
//! use ah_rest_api_contract::{
//!     EventFilter, EventPayload, RECENT_EVENTS_MAX, Session, SessionId, StreamItem, TaskManager,
//!     TaskManagerError,
//! };
//! use futures::StreamExt;
//!
//! /// Draws a session, and draws it anew with every event to its end.
//! async fn watch(
//!     manager: &dyn TaskManager,
//!     id: SessionId,
//!     draw: impl Fn(&Session),
//! ) -> Result<(), TaskManagerError> {
//!     let mut session = manager.get_session(id).await?;
//!     draw(&session);
//!     let mut events = manager
//!         .task_events_stream(id, session.last_seq, EventFilter::default())
//!         .await?;
//!     while let Some(item) = events.next().await {
//!         let StreamItem::Event(event) = item? else {
//!             continue;
//!         };
//!         session.last_seq = event.seq;
//!         match &event.payload {
//!             EventPayload::Status(change) => session.status = change.status,
//!             EventPayload::Usage(turn) => {
//!                 session.usage = Some(session.usage.take().unwrap_or_default().with_turn(turn));
//!             }
//!             payload if payload.is_recent_activity() => {
//!                 session.recent_events.push(event);
//!                 let excess = session.recent_events.len().saturating_sub(RECENT_EVENTS_MAX);
//!                 session.recent_events.drain(..excess);
//!             }
//!             _ => continue,
//!         }
//!         draw(&session);
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Steering a session
//!
//! [`SessionStatus`] is the one state machine and [`SessionAction`] what may be asked of it;
//! [`SessionStatus::admits`] is the table that says which is legal where, for a program that wants
//! to grey out what would be refused. What an agent may do without being asked is a
//! [`PermissionPolicy`] of its task; the rest comes as a
//! [`PermissionRequest`](EventPayload::PermissionRequest) event that waits for an answer until it
//! expires.
//!
//! ```
//! use ah_rest_api_contract::{
//!     Admission, PermissionAnswer, PermissionRequested, PromptRequest, Session, SessionAction,
//!     TaskManager, TaskManagerError,
//! };
//!
//! /// What a menu offers for a session, and what it greys out.
//! fn menu(session: &Session) -> Vec<(&'static str, bool)> {
//!     let offer = |action: SessionAction| {
//!         let is_offered = session.status.admits(action) == Admission::Perform;
//!         (action.verb(), is_offered)
//!     };
//!     SessionAction::ALL.map(offer).to_vec()
//! }
//!
//! /// Says no to what an agent asks leave for, and why.
//! async fn refuse(
//!     manager: &dyn TaskManager,
//!     session: &Session,
//!     asked: &PermissionRequested,
//!     why: &str,
//! ) -> Result<(), TaskManagerError> {
//!     let answer = match asked.option_for(false) {
//!         Some(option) => PermissionAnswer::Select(option.id.clone()),
//!         None => PermissionAnswer::Cancel,
//!     };
//!     manager
//!         .answer_permission(session.id, asked.request_id, answer)
//!         .await?;
//!     // It waits for the end of the agent's turn.
//!     manager
//!         .prompt_session(session.id, PromptRequest::queued(why))
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! # On the wire
//!
//! Objects are camelCase JSON, the fields of events, changes and usage `snake_case`; ids are ULIDs,
//! most with a prefix; moments are RFC 3339 in UTC. A request with a field that nobody knows is
//! refused, and so says which; a reader passes over fields that it does not know. [`sse`] is the
//! codec of event streams, [`operations`] the table of all operations with the paths that clients ask
//! for. A query is read into a `…Params` of texts, such as [`SessionParams`], and judged by turning
//! it into what it means, such as [`SessionQuery`]; a client goes the other way.
//!
//! With the feature `openapi` every wire type has its schema, for whoever describes the API.

pub mod access;
pub mod access_point;
pub mod catalog;
pub mod change;
pub mod content;
pub mod control;
pub mod draft;
pub mod error;
pub mod event;
pub mod health;
pub mod idempotency;
pub mod ids;
pub mod lifecycle;
pub mod manager;
mod number;
mod object;
#[cfg(feature = "openapi")]
mod openapi;
pub mod operations;
pub mod page;
pub mod permission;
pub mod prompt;
pub mod query;
pub mod repository;
pub mod session;
pub mod sse;
pub mod task;
pub mod timestamp;
mod word;

/// The crate of the ids' form, which is part of this crate's API.
pub use ulid;
/// The crate of addresses, which is part of this crate's API.
pub use url;

pub use access::{AccessPointFile, ApiKeyText, Role};
pub use access_point::{
    AccessPoint, AlreadyDone, Caller, EncodedEvent, EncodedItem, EncodedLogStream, EncodedStream,
    HealthProbe, Receipt, ReceiptTemplate,
};
pub use catalog::{Agent, AgentCapabilities, AgentType, Installation};
pub use change::{
    CONTEXT_LINES_DEFAULT, CONTEXT_LINES_MAX, ChangeSummary, DiffQuery, FileDiff, FileEntry,
    FileStatus, Hunk, SessionDiff,
};
pub use content::{ContentBlock, EmbeddedResource, PromptContent};
pub use control::{REASON_CHARS_MAX, ResumeRequest, StopRequest};
pub use draft::{Draft, DraftContent, DraftUpdate};
pub use error::{ErrorKind, FieldErrors, Problem, TaskManagerError, error_chain};
pub use event::{
    DiffEvent, EphemeralEvent, ErrorEvent, EventFilter, EventPayload, EventQuery, EventType,
    FileEdit, Gap, Log, LogLevel, Message, MessageDelta, MessageRole, Plan, PlanEntry,
    PlanPriority, PlanStatus, Progress, PromptDelivery, SessionEvent, SortOrder, StatusChange,
    StreamItem, Thought, ThoughtDelta, ToolOutcome, ToolProgress, ToolResult, ToolUse,
    ToolUseStatus, UnknownEvent, Usage,
};
pub use health::{CheckStatus, DeepHealth, Health, HealthCheck, HealthStatus, Version};
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use ids::{
    DraftId, EventSeq, ExecutorId, InvalidId, LogCursor, MessageId, PermissionId, PromptId,
    RepositoryId, SessionId, TaskId,
};
pub use lifecycle::{Activity, Admission, SessionAction, SessionStatus};
pub use manager::{AllEventsStream, EventStream, InitialTasks, TaskManager};
pub use page::{PER_PAGE_MAX, Page, PageRequest};
pub use permission::{
    Permission, PermissionAction, PermissionAnswer, PermissionOption, PermissionOptionKind,
    PermissionOutcome, PermissionPolicy, PermissionRequested, PermissionResolved, PermissionRule,
    PermissionState, PermissionSubject,
};
pub use prompt::{
    DeliveryMode, PROMPT_BYTES_MAX, Prompt, PromptReceipt, PromptRequest, PromptState,
};
pub use query::{
    AllEventsParams, AllEventsQuery, DiffParams, EventParams, FileParams, FileQuery, LogItem,
    LogParams, LogQuery, PageParams, STREAM_SESSIONS_MAX, SessionParams, StreamQuery,
};
pub use repository::{Branch, BranchList, Repository, RepositorySource};
pub use session::{
    RECENT_EVENTS_MAX, Session, SessionAgent, SessionLinks, SessionQuery, SessionRepo,
    SessionWorkspace, WorkspaceProvider,
};
pub use task::{
    AgentSelection, CreateTask, LaunchedTask, Priority, RepoConfig, RepoMode, RuntimeConfig,
    RuntimeType, Task, TaskLaunchParams, TaskLaunchParamsBuilder,
};
pub use timestamp::{InvalidTimestamp, Timestamp};
