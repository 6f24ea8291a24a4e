//! The contract of the Agent Harbor access point.
//!
//! Every type that crosses a boundary of the access point is defined once, in this crate. The
//! server, its clients and its mock all use these types:
//!
//! * requests: [`TaskLaunchParams`], [`PromptRequest`], [`PermissionAnswer`], and the queries;
//! * responses: [`Session`], [`SessionEvent`], [`SessionDiff`], [`Page`];
//! * errors: [`Problem`] (RFC 9457) inside a [`TaskManagerError`];
//! * the trait [`TaskManager`], which programs are written against. An engine in the same process,
//!   a server across the network and a mock with a paused clock are interchangeable
//!   implementations.
//!
//! The crate does no I/O and needs no async runtime. Its dependents link neither a web server nor a
//! database. The implementations of the trait are in other crates: `RestClient` in `ah-rest-client`
//! for a server, `LocalTaskManager` in `ah-engine` for an engine in the process, and
//! `MockTaskManager` in `ah-rest-mock-client` for tests. `examples/dashboard` is a complete program
//! that is independent of the implementation.
//!
//! # Writing a program
//!
//! Use `&dyn TaskManager`; the documentation of the trait has a complete program. The steps are:
//!
//! 1. [`TaskManager::get_initial_tasks`] returns the existing drafts and sessions, with status,
//!    recent events and changes. This is enough to draw a list.
//! 2. [`TaskLaunchParams::builder`] describes a task. `build` validates all fields at once and
//!    returns [`FieldErrors`] with one entry per field, under names suitable for a form.
//! 3. [`TaskManager::launch_task`], then [`TaskManager::task_events_stream`] for each session.
//! 4. [`TaskManager::prompt_session`], [`TaskManager::answer_permission`] and other methods steer
//!    the session. They return when the request is accepted; events report the result.
//! 5. [`TaskManager::get_session_diff`] returns the result.
//!
//! Branch on [`TaskManagerError::kind`], never on the message. Retry only if
//! [`ErrorKind::is_retryable`] returns true.
//!
//! Lists are paginated. To read all pages of a list:
//!
//! ```
//! use ah_rest_api_contract::{Page, Session, SessionQuery, TaskManager, TaskManagerError};
//!
//! async fn every_session(manager: &dyn TaskManager) -> Result<Vec<Session>, TaskManagerError> {
//!     let sessions = Page::all(|page| {
//!         manager.list_sessions(SessionQuery { page, ..SessionQuery::default() })
//!     });
//!     Ok(sessions.await?.items)
//! }
//! ```
//!
//! # Reading a session
//!
//! Everything that happens to a session is an event in its append-only log, numbered 1, 2, 3…
//! without gaps by [`EventSeq`]. The number is the cursor of every reader: the SSE `id:`, the
//! paging cursor and the position to resume from. Filters select events and never renumber them.
//!
//! A [`Session`] is a view of its log, as of [`Session::last_seq`]: every field that changes follows
//! from the events. To follow a session without missing events, read it, stream from that cursor,
//! and update it with [`Session::apply`]. A stream yields [`StreamItem`]s: events of
//! the log, a [`Gap`] if retention has removed events, and pieces of text in progress if
//! [`EventFilter::with_ephemeral`] is set. It ends after the terminal `status` event. Resume an
//! interrupted stream from the last [`EventSeq`] received. A slow reader falls behind, but misses
//! no event.
//!
//! ```
//! use ah_rest_api_contract::{
//!     EventFilter, Session, SessionId, StreamItem, TaskManager, TaskManagerError,
//! };
//! use futures::StreamExt;
//!
//! /// Draws a session, and redraws it after every event until it ends.
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
//!         if let StreamItem::Event(event) = item?
//!             && session.apply(&event)
//!         {
//!             draw(&session);
//!         }
//!     }
//!     Ok(())
//! }
//! ```
//!
//! # Steering a session
//!
//! [`SessionStatus`] is the state machine, and [`SessionAction`] lists the actions.
//! [`SessionStatus::admits`] returns the result of an action in a status, for programs that disable
//! menu items. The [`PermissionPolicy`] of a task decides which actions the agent can take without
//! an answer. For all others, a [`PermissionRequest`](EventPayload::PermissionRequest) event waits
//! for an answer until it expires.
//!
//! ```
//! use ah_rest_api_contract::{
//!     Admission, PermissionAnswer, PermissionRequested, PromptRequest, Session, SessionAction,
//!     TaskManager, TaskManagerError,
//! };
//!
//! /// Returns the menu items of a session, each with its enabled state.
//! fn menu(session: &Session) -> Vec<(&'static str, bool)> {
//!     let offer = |action: SessionAction| {
//!         let is_offered = session.status.admits(action) == Admission::Perform;
//!         (action.verb(), is_offered)
//!     };
//!     SessionAction::ALL.map(offer).to_vec()
//! }
//!
//! /// Rejects a permission request, and sends the reason as a prompt.
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
//!     // The prompt is queued until the end of the agent's turn.
//!     manager
//!         .prompt_session(session.id, PromptRequest::queued(why))
//!         .await?;
//!     Ok(())
//! }
//! ```
//!
//! # On the wire
//!
//! Objects are camelCase JSON; the fields of events, changes and usage are `snake_case`. Ids are
//! ULIDs, most with a prefix. Timestamps are RFC 3339 in UTC. A request with an unknown field is
//! rejected with an error that names it; readers of responses ignore unknown fields.
//!
//! [`sse`] is the codec of event streams. [`operations`] is the table of all operations, with the
//! paths that clients request. Query parameters are read into a `…Params` type of texts, such as
//! [`SessionParams`], and validated by conversion into a query type, such as [`SessionQuery`]; a
//! client converts in the other direction.
//!
//! # Compatibility
//!
//! A minor version may add events, fields of events and of other objects, and words of open enums.
//! Types that programs only receive are therefore `#[non_exhaustive]`; other implementations and
//! tests create them with `new`, and set optional fields with `with_…`. An open enum reads a word of a
//! newer server as `Unknown`, and a newer event as [`EventPayload::Unknown`].
//!
//! Requests and queries are created with their constructor or `Default`, and then changed by field:
//! `SessionQuery { page, ..SessionQuery::default() }`. Such code compiles after a field was added.
//! Match the other structs with `..`.
//!
//! [`SessionStatus`], [`SessionAction`], [`PromptState`] and [`PermissionState`] can be matched
//! exhaustively, because programs decide by them. A new value needs a new major version.
//!
//! With the feature `openapi` every wire type has its schema, for use in an OpenAPI document.

pub mod access;
pub mod access_point;
pub mod attachment;
pub mod catalog;
pub mod change;
mod constructor;
pub mod content;
pub mod control;
pub mod debug;
pub mod draft;
pub mod encoded;
pub mod error;
pub mod event;
pub mod file;
pub mod health;
pub mod host;
pub mod idempotency;
mod ids;
mod isolation;
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
pub mod workspace;

/// The crate of the ULIDs, which is part of this crate's API.
pub use ulid;
/// The crate of the URLs, which is part of this crate's API.
pub use url;

pub use access::{AccessPointFile, ApiKeyText, Role};
pub use access_point::{
    AccessPoint, AlreadyDone, Caller, EncodedEvent, EncodedItem, EncodedLogStream, EncodedStream,
    HistoryPage, HistoryParts, RECEIPT_LIFETIME, Receipt, ReceiptTemplate,
};
pub use attachment::{
    ATTACHMENT_BYTES_MAX, ATTACHMENTS_BYTES_MAX, AttachmentContent, AttachmentHash, AttachmentRef,
    UNKNOWN_MEDIA_TYPE,
};
pub use catalog::{Agent, AgentCapabilities, AgentType, Installation};
pub use change::{
    CONTEXT_LINES_DEFAULT, CONTEXT_LINES_MAX, ChangeSummary, DiffQuery, FileDiff, FileEntry,
    FileStatus, Hunk, SessionDiff,
};
pub use content::{ContentBlock, EmbeddedResource, PromptContent};
pub use control::{REASON_CHARS_MAX, ResumeRequest, StopRequest};
pub use debug::{AgentState, RecorderInfo, SessionDebug, SupervisorInfo, SupervisorPhase};
pub use draft::{Draft, DraftContent, DraftUpdate};
pub use encoded::{EncodedJson, EncodedPage};
pub use error::{ErrorKind, FieldErrors, Problem, TaskManagerError, error_chain};
// All of them, so that a new event is named in its own module only.
pub use event::*;
pub use file::{
    ContentQuery, FILE_NODES_DEPTH_MAX, FILE_NODES_MAX, FILE_PART_BYTES_MAX, FILE_PATH_BYTES_MAX,
    FileContent, FileDetails, FileDiffQuery, FileEncoding, FileKind, FileNode, FileNodeQuery,
    FilePath,
};
pub use health::{
    CheckStatus, DeepHealth, Health, HealthCheck, HealthProbe, HealthStatus, Version,
};
pub use host::{ExecutorHealth, ExecutorInfo, Project, Runtime};
pub use idempotency::{IdempotencyKey, InvalidIdempotencyKey};
pub use ids::{
    DraftId, EventSeq, ExecutorId, InvalidId, LogCursor, MessageId, PermissionId, PromptId,
    RepositoryId, SessionId, TaskId,
};
pub use isolation::{MissingIsolation, SandboxProfile, SessionIsolation};
pub use lifecycle::{Activity, Admission, SessionAction, SessionStatus};
pub use manager::{AllEventsStream, EventStream, InitialTasks, TaskManager};
pub use page::{BoundedItems, PAGE_BYTES_MAX, PER_PAGE_MAX, Page, PageRequest, Summarized};
pub use permission::{
    Permission, PermissionAction, PermissionAnswer, PermissionOption, PermissionOptionKind,
    PermissionOutcome, PermissionPolicy, PermissionRequested, PermissionResolved, PermissionRule,
    PermissionState, PermissionSubject,
};
pub use prompt::{
    DeliveryMode, PROMPT_BYTES_MAX, Prompt, PromptReceipt, PromptRequest, PromptState,
};
pub use query::{
    AllEventsParams, AllEventsQuery, ContentParams, DiffParams, EventParams, FileDiffParams,
    FileNodeParams, FileParams, FileQuery, LogItem, LogParams, LogQuery, PageParams, PathPattern,
    RepositoryParams, STREAM_SESSIONS_MAX, SessionParams, StreamParams, StreamQuery,
    WorkspaceParams, check_cursor, check_log_cursor,
};
pub use repository::{Branch, BranchList, Repository, RepositoryQuery, RepositorySource};
pub use session::{
    Fleet, Follower, LAST_MESSAGE_CHARS_MAX, PassedOverProvider, RECENT_EVENTS_MAX,
    SUMMARY_PROMPT_CHARS_MAX, Session, SessionAgent, SessionEndpoints, SessionInfo, SessionLinks,
    SessionQuery, SessionRepo, SessionView, SessionWorkspace, WorkspaceProvider,
};
pub use task::{
    AgentSelection, CreateTask, DevcontainerPolicy, LaunchedTask, Priority, RepoConfig, RepoMode,
    RuntimeConfig, RuntimePolicy, RuntimeResources, RuntimeType, Task, TaskLaunchParams,
    TaskLaunchParamsBuilder, UnsandboxedPolicy, WebhookRequest, WorkDelivery, WorkDeliveryMode,
    WorkspaceConfig,
};
pub use timestamp::{InvalidTimestamp, Timestamp};
pub use workspace::{WorkspaceInfo, WorkspaceQuery, WorkspaceStatus};
