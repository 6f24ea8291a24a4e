//! The client of the Agent Harbor access point.
//!
//! [`RestClient`] is the [`TaskManager`] trait over HTTP. A program written against the trait runs
//! unchanged on an engine in its own process, and in its tests on a mock under a paused clock. Its
//! own methods are the operations that the trait does not have, such as a session's log lines and
//! the server's health.
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
//!     TaskManager,
//! };
//! use ah_rest_client::RestClient;
//! use futures::StreamExt;
//!
//! # async fn run(key: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = RestClient::builder("http://127.0.0.1:3001").api_key(key).build()?;
//!
//! let repo = RepoConfig::git("/home/me/project");
//! let task = TaskLaunchParams::builder("Take stock", repo, "scenario").build()?;
//! let session = client.launch_task(task).await?.session_ids[0];
//!
//! let mut events = client
//!     .task_events_stream(session, EventSeq::START, EventFilter::default())
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
//! # Writing against the trait
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use ah_rest_api_contract::{
//!     PageRequest, PermissionAnswer, PermissionState, SessionId, TaskManager, TaskManagerError,
//! };
//! use ah_rest_client::RestClient;
//!
//! /// Allows everything that an agent waits for, on any task manager.
//! async fn allow_all(manager: &dyn TaskManager, id: SessionId) -> Result<usize, TaskManagerError> {
//!     let mut allowed = 0;
//!     for permission in manager.list_permissions(id, PageRequest::largest()).await?.items {
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
//! let manager: Arc<dyn TaskManager> = Arc::new(client);
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
//! use ah_rest_api_contract::{ErrorKind, PromptRequest, SessionId, TaskManager};
//! # async fn run(client: ah_rest_client::RestClient, id: SessionId) {
//! match client.prompt_session(id, PromptRequest::queued("Now the tests")).await {
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
//! # Every operation
//!
//! [`operations::ALL`](ah_rest_api_contract::operations::ALL) is the table of all operations. Each
//! has a method of its id, on [`TaskManager`] or on [`RestClient`], except that the trait has
//! `task_events_stream` and `list_events` for `session_events`, `save_draft_task` for `create_draft`
//! and `update_draft`, and `delete_draft_task` for `delete_draft`.
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
mod own;
mod retry;
mod span;
mod stream;
mod timeouts;
mod tls;

pub use builder::{InvalidClient, RestClientBuilder};
pub use client::RestClient;
pub use retry::RetryPolicy;
pub use tls::InvalidAuthority;
