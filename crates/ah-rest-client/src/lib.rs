//! The client of the Agent Harbor access point.
//!
//! [`RestClient`] is the [`TaskManager`] trait over HTTP. A program written against the trait runs
//! unchanged on an in-process engine, and in tests on a mock with a paused clock. Its
//! own methods are the operations that the trait does not have, such as a session's log lines and
//! the server's health.
//!
//! Its types are those of [`ah_rest_api_contract`].
//!
//! # Example
//!
//! This program launches a task, follows the agent to its end, and prints the patch:
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
//! [`RestClient::local`] connects to the access point of this user on this host, whose URL and key
//! are in a file ([`AccessPointFile`](ah_rest_api_contract::AccessPointFile)), and follows it to a
//! new port after a restart. `examples/dashboard`
//! in the repository is a complete program, a live board of all sessions.
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
//! [`RestClient::builder`] takes the URL. Everything else is optional: an
//! [API key](RestClientBuilder::api_key) or a [token](RestClientBuilder::bearer_token); a
//! [tenant](RestClientBuilder::tenant); the
//! [certificate authorities](RestClientBuilder::certificate_authorities) of a server with a
//! self-signed certificate; timeouts for
//! [all operations](RestClientBuilder::answer_timeout) or for a
//! [single one](RestClientBuilder::operation_timeout); and the number of
//! [idle connections](RestClientBuilder::pool_idle_max). Create one client and clone it: clones
//! share their connections. With a TLS server that supports HTTP/2, requests share a connection.
//! Each event stream has its own.
//!
//! # Features
//!
//! | feature | adds |
//! |---|---|
//! | `tls` (default) | `https://` URLs, by rustls with the certificate authorities of the system |
//! | `http2` (default) | HTTP/2 with servers that offer it in the TLS handshake |
//!
//! A program that connects to its own host only needs neither.
//!
//! # Requests
//!
//! Requests have time limits and are retried if that is safe, according to [`RetryPolicy`]. Every
//! POST has an `Idempotency-Key`, so that it is executed once even if it is sent several times. The
//! client honours `Retry-After`, and [`RetryPolicy::deadline`] limits the total time.
//!
//! # Errors
//!
//! Errors are [`TaskManagerError`]s. Decide by [`TaskManagerError::kind`] and display the message.
//! [`TaskManagerError::problem`] has the invalid fields and the id of the request in the server's
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
//! [`ErrorKind::Unreachable`] means that there was no response. The first 500 characters of a
//! foreign response, such as a proxy's, are kept in the error.
//!
//! # Event streams
//!
//! Streams outlive their connections and restarts of the server. They reconnect indefinitely,
//! continue after the last event, and yield every event once and in order. Events removed by
//! retention are reported as a [`Gap`](ah_rest_api_contract::Gap). A session's stream ends after
//! its terminal status.
//!
//! An error is the last item of a stream. It occurs if the client cannot reconnect, for example
//! because its key was revoked; if a frame cannot be parsed; and if ten consecutive connections
//! broke at the same position without a new event. The message contains the position. An
//! unreachable server is not an error: [`RestClient::reachability`] shows it, and to give up
//! earlier, drop the stream. Dropping a stream, or
//! any future of this crate, is safe at any point.
//!
//! # Traces and secrets
//!
//! Each request is a `tracing` span `request`, at the level `debug`, with `method`, `route` (the
//! template, so that requests can be grouped by it), `attempts`, `status`, `request_id` and
//! `duration_ms`. It contains an event for each response and each retry.
//!
//! A key is sent only to its server, never through a proxy to a loopback address, and never to the
//! target of a redirect. It does not appear in `Debug` output, errors, spans or events, even if a
//! server echoes it.
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
mod connection;
mod credential;
mod failures;
mod local;
mod manager;
mod own;
mod reachability;
mod retry;
mod span;
mod stream;
mod timeouts;
#[cfg(feature = "tls")]
mod tls;

/// The crate of the types, which is part of this crate's API.
pub use ah_rest_api_contract;
pub use builder::{InvalidClient, RestClientBuilder};
pub use client::RestClient;
pub use local::LocalError;
pub use reachability::Reachability;
pub use retry::RetryPolicy;
#[cfg(feature = "tls")]
pub use tls::InvalidAuthority;
