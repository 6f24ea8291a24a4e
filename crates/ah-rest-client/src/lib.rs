//! The client of the Agent Harbor access point.
//!
//! [`RestClient`] has a method for each route of the API; [`RestTaskManager`] is the
//! [`TaskManager`](ah_rest_api_contract::TaskManager) trait over it, for programs that run
//! unchanged on an engine in their own process.
//!
//! ```no_run
//! use ah_rest_api_contract::{EventFilter, EventSeq, SessionQuery, StreamItem};
//! use ah_rest_client::RestClient;
//! use futures::StreamExt;
//!
//! # async fn run(key: String) -> Result<(), Box<dyn std::error::Error>> {
//! let client = RestClient::builder("http://127.0.0.1:3001").api_key(key).build()?;
//! let newest = client.list_sessions(SessionQuery::default()).await?.items.remove(0);
//! let mut events = client
//!     .session_events(newest.id, EventSeq::START, EventFilter::default())
//!     .await?;
//! while let Some(item) = events.next().await {
//!     if let StreamItem::Event(event) = item? {
//!         println!("{} {}", event.seq, event.payload.event_type());
//!     }
//! }
//! # Ok(())
//! # }
//! ```
//!
//! # What is taken care of
//!
//! *Requests* are bounded in time and tried again where that is safe, as [`RetryPolicy`] says. What
//! is made, or asked for, is made once however often it is sent: every POST has an
//! `Idempotency-Key`.
//!
//! *Errors* are [`TaskManagerError`](ah_rest_api_contract::TaskManagerError)s: the problem that
//! the access point answered with, its fields and request id included. Decide by its kind.
//! [`ErrorKind::Unreachable`](ah_rest_api_contract::ErrorKind::Unreachable) means that no answer
//! came at all; an answer that no access point gives keeps its first 500 characters.
//!
//! *Event streams* outlive the connections that they are read from, and the server's restarts:
//! they connect again for as long as it takes, from the last event seen, and yield every event
//! once and in order. Only an answer that says that there is nothing to come back to, such as a
//! key that is no longer good, ends one early. To give up sooner, drop the stream; that, and the
//! dropping of any future here, is safe at any point.
//!
//! *Secrets* are sent to the server they were given for, never through a proxy on the way to a
//! loopback address, never to where a redirect points, and are in no `Debug`, error or log line.

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
pub use stream::AllEventsStream;
pub use tls::InvalidAuthority;
