//! The client of the Agent Harbor access point.
//!
//! There are two ways to hold it:
//!
//! * [`RestTaskManager`] is the [`TaskManager`] trait over HTTP. A program written against the
//!   trait runs unchanged on an engine in its own process, and in its tests on a mock under a
//!   paused clock. Take it for a program that steers sessions; the trait's own page has a whole one.
//! * [`RestClient`] has a method for each route of the API, with all that a route takes: pages,
//!   filters, the streams of many sessions, the server's own health. Take it for what the trait does
//!   not have.
//!
//! What goes in and comes out are the types of [`ah_rest_api_contract`], which both need.
//!
//! # A first program
//!
//! It launches a task, shows what the agent does to the end, and prints the patch:
//!
//! ```no_run
//! use ah_rest_api_contract::{
//!     DiffQuery, EventFilter, EventPayload, EventSeq, RepoConfig, StreamItem, TaskLaunchParams,
//! };
//! use ah_rest_client::RestClient;
//! use futures::StreamExt;
//!
//! # async fn run(key: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = RestClient::builder("http://127.0.0.1:3001").api_key(key).build()?;
//!
//! let repo = RepoConfig::git("/home/me/project");
//! let task = TaskLaunchParams::builder("Take stock", repo, "scenario").build()?;
//! let session = client.launch_task(&task).await?.session_ids[0];
//!
//! let mut events = client
//!     .session_events(session, EventSeq::START, EventFilter::default())
//!     .await?;
//! while let Some(item) = events.next().await {
//!     if let StreamItem::Event(event) = item? {
//!         match event.payload {
//!             EventPayload::Thought(thought) => println!("{} thinks: {}", event.seq, thought.thought),
//!             EventPayload::ToolUse(tool) => println!("{} uses {}", event.seq, tool.tool_name),
//!             EventPayload::Status(change) => println!("{} is {}", event.seq, change.status),
//!             other => println!("{} {}", event.seq, other.event_type()),
//!         }
//!     }
//! }
//! for file in client.get_session_diff(session, DiffQuery::default()).await?.files {
//!     print!("{}", file.diff);
//! }
//! # Ok(())
//! # }
//! ```
//!
//! The key of an access point on the same host is in `access-point.json` in its state folder
//! ([`AccessPointFile`](ah_rest_api_contract::AccessPointFile)). `examples/dashboard` in the
//! repository is a whole program, a board of all sessions that is kept current.
//!
//! # Being the trait
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use ah_rest_api_contract::{PermissionAnswer, PermissionState, SessionId, TaskManager, TaskManagerError};
//! use ah_rest_client::{RestClient, RestTaskManager};
//!
//! /// Gives leave to everything that an agent waits for; on whatever task manager.
//! async fn allow_all(manager: &dyn TaskManager, id: SessionId) -> Result<usize, TaskManagerError> {
//!     let mut allowed = 0;
//!     for permission in manager.list_permissions(id).await?.items {
//!         let Some(option) = permission.request.option_for(true) else { continue };
//!         if permission.state == PermissionState::Pending {
//!             let answer = PermissionAnswer::Select(option.id.clone());
//!             manager.answer_permission(id, permission.request.request_id, answer).await?;
//!             allowed += 1;
//!         }
//!     }
//!     Ok(allowed)
//! }
//!
//! # async fn run(client: RestClient, id: SessionId) -> Result<(), TaskManagerError> {
//! let manager: Arc<dyn TaskManager> = Arc::new(RestTaskManager::new(client));
//! allow_all(&*manager, id).await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Connecting
//!
//! [`RestClient::builder`] takes the URL and has a default for all else: an
//! [API key](RestClientBuilder::api_key), a [token](RestClientBuilder::bearer_token) or neither; a
//! [tenant](RestClientBuilder::tenant); the
//! [certificate authorities](RestClientBuilder::certificate_authorities) of a server whose
//! certificate is of its own making; timeouts, for
//! [all operations](RestClientBuilder::answer_timeout) or for
//! [one](RestClientBuilder::operation_timeout); and how many
//! [idle connections](RestClientBuilder::pool_idle_max) are kept. Make one client and clone it: the
//! clones share their connections. Where a server behind TLS speaks HTTP/2, requests share one;
//! event streams have one each.
//!
//! # Requests
//!
//! They are bounded in time and tried again where that is safe, as [`RetryPolicy`] says. What is
//! made, or asked for, is made once however often it is sent: every POST has an
//! `Idempotency-Key`. `Retry-After` is waited for, and [`RetryPolicy::deadline`] bounds it all.
//!
//! # Errors
//!
//! They are [`TaskManagerError`]s. Decide by [`TaskManagerError::kind`] and show the words;
//! [`TaskManagerError::problem`] has the fields at fault and the id of the request in the server's
//! log:
//!
//! ```no_run
//! use ah_rest_api_contract::{ErrorKind, PromptRequest, SessionId};
//! # async fn run(client: ah_rest_client::RestClient, id: SessionId) {
//! match client.prompt_session(id, &PromptRequest::queued("Now the tests")).await {
//!     Ok(receipt) => println!("taken as {}", receipt.prompt_id),
//!     Err(error) if error.kind() == ErrorKind::Gone => println!("it has ended: {error}"),
//!     Err(error) if error.kind() == ErrorKind::Validation => {
//!         for (field, messages) in error.problem().errors.iter() {
//!             println!("{field}: {}", messages.join("; "));
//!         }
//!     }
//!     Err(error) if error.kind().is_retryable() => println!("later, perhaps: {error}"),
//!     Err(error) => println!("{error} (request {:?})", error.problem().request_id),
//! }
//! # }
//! ```
//!
//! [`ErrorKind::Unreachable`] means that no answer came at all. An answer that no access point
//! gives, such as a proxy's, keeps its first 500 characters.
//!
//! # Event streams
//!
//! They outlive the connections that they are read from, and the server's restarts: they connect
//! again for as long as it takes, from the last event seen, and yield every event once and in
//! order. What retention has taken is told as a [`Gap`](ah_rest_api_contract::Gap). A session's
//! stream ends after its terminal status.
//!
//! An error is the last item of a stream. It comes when there is nothing to come back to, such as
//! with a key that is no longer good; when a frame cannot be read; and when ten connections in a
//! row broke off at the same place without a new event. The words say the place. A server that is
//! only away is never an error: to give up sooner, drop the stream. That, and the dropping of any
//! future here, is safe at any point.
//!
//! # Traces and secrets
//!
//! Each request is a `tracing` span `request`, at the level `debug`, with `method`, `route` (the
//! template, so that requests can be counted by it), `attempts`, `status`, `request_id` and
//! `duration_ms`. Inside of it are events of each answer and each retry.
//!
//! A key is sent to the server it was given for, never through a proxy on the way to a loopback
//! address, and never to where a redirect points. It is in no `Debug`, error, span or event, even
//! where a server repeats it.
//!
//! # Every route
//!
//! | route | method | of the trait |
//! |---|---|---|
//! | `POST /api/v1/tasks` | [`launch_task`](RestClient::launch_task) | `launch_task` |
//! | `GET /api/v1/tasks/{id}` | [`get_task`](RestClient::get_task) | `get_task` |
//! | `GET /api/v1/sessions` | [`list_sessions`](RestClient::list_sessions) | `list_sessions`, `get_initial_tasks` |
//! | `GET /api/v1/sessions/{id}` | [`get_session`](RestClient::get_session) | `get_session` |
//! | `DELETE /api/v1/sessions/{id}` | [`cancel_session`](RestClient::cancel_session) | `cancel_session` |
//! | `POST /api/v1/sessions/{id}/stop` | [`stop_session`](RestClient::stop_session) | `stop_session` |
//! | `POST /api/v1/sessions/{id}/interrupt` | [`interrupt_session`](RestClient::interrupt_session) | `interrupt_session` |
//! | `POST /api/v1/sessions/{id}/pause` | [`pause_session`](RestClient::pause_session) | `pause_session` |
//! | `POST /api/v1/sessions/{id}/resume` | [`resume_session`](RestClient::resume_session) | `resume_session` |
//! | `POST /api/v1/sessions/{id}/prompt` | [`prompt_session`](RestClient::prompt_session) | `prompt_session` |
//! | `GET /api/v1/sessions/{id}/prompts` | [`list_prompts`](RestClient::list_prompts) | `list_prompts` |
//! | `DELETE /api/v1/sessions/{id}/prompts/{promptId}` | [`withdraw_prompt`](RestClient::withdraw_prompt) | `withdraw_prompt` |
//! | `GET /api/v1/sessions/{id}/permissions` | [`list_permissions`](RestClient::list_permissions) | `list_permissions` |
//! | `POST /api/v1/sessions/{id}/permissions/{requestId}` | [`answer_permission`](RestClient::answer_permission) | `answer_permission` |
//! | `GET /api/v1/sessions/{id}/events` | [`session_events`](RestClient::session_events), [`list_events`](RestClient::list_events) | `task_events_stream`, `list_events` |
//! | `GET /api/v1/sessions/{id}/logs` | [`list_session_logs`](RestClient::list_session_logs) | |
//! | `GET /api/v1/sessions/{id}/files` | [`list_session_files`](RestClient::list_session_files) | `list_session_files` |
//! | `GET /api/v1/sessions/{id}/diff` | [`get_session_diff`](RestClient::get_session_diff) | `get_session_diff` |
//! | `GET /api/v1/events` | [`all_events`](RestClient::all_events) | `all_events` |
//! | `POST /api/v1/drafts` | [`create_draft`](RestClient::create_draft) | `save_draft_task` |
//! | `GET /api/v1/drafts` | [`list_drafts`](RestClient::list_drafts) | `list_drafts`, `get_initial_tasks` |
//! | `GET /api/v1/drafts/{id}` | [`get_draft`](RestClient::get_draft) | `get_draft` |
//! | `PUT /api/v1/drafts/{id}` | [`update_draft`](RestClient::update_draft) | `save_draft_task` |
//! | `DELETE /api/v1/drafts/{id}` | [`delete_draft`](RestClient::delete_draft) | `delete_draft_task` |
//! | `GET /api/v1/repositories` | [`list_repositories`](RestClient::list_repositories) | `list_repositories` |
//! | `GET /api/v1/repos` | [`list_repos`](RestClient::list_repos) | |
//! | `GET /api/v1/repositories/{id}` | [`get_repository`](RestClient::get_repository) | `get_repository` |
//! | `GET /api/v1/repositories/{id}/branches` | [`list_branches`](RestClient::list_branches) | `list_branches` |
//! | `GET /api/v1/agents` | [`list_agents`](RestClient::list_agents) | `list_agents` |
//! | `GET /api/v1/schemas/agents/{file}` | [`get_agent_schema`](RestClient::get_agent_schema) | |
//! | `GET /health` | [`health`](RestClient::health) | |
//! | `GET /ready` | [`ready`](RestClient::ready) | |
//! | `GET /metrics` | [`metrics`](RestClient::metrics) | |
//! | `GET /api/v1/health/deep` | [`deep_health`](RestClient::deep_health) | |
//! | `GET /api/v1/version` | [`version`](RestClient::version) | |
//! | `GET /api/v1/openapi.json` | [`openapi`](RestClient::openapi) | |
//! | `GET /api/docs` | [`docs`](RestClient::docs) | |
//! | `GET /errors/{slug}` | [`explain_error`](RestClient::explain_error) | |
//!
//! [`TaskManager`]: ah_rest_api_contract::TaskManager
//! [`TaskManagerError`]: ah_rest_api_contract::TaskManagerError
//! [`TaskManagerError::kind`]: ah_rest_api_contract::TaskManagerError::kind
//! [`TaskManagerError::problem`]: ah_rest_api_contract::TaskManagerError::problem
//! [`ErrorKind::Unreachable`]: ah_rest_api_contract::ErrorKind::Unreachable

mod answer;
mod builder;
mod call;
mod chance;
mod client;
mod credential;
mod failures;
mod manager;
mod retry;
mod routes;
mod span;
mod stream;
mod timeouts;
mod tls;

pub use builder::{InvalidClient, RestClientBuilder};
pub use client::RestClient;
pub use manager::RestTaskManager;
pub use retry::RetryPolicy;
pub use tls::InvalidAuthority;
