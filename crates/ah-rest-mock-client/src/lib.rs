//! An in-memory [`TaskManager`](ah_rest_api_contract::TaskManager), for tests and demonstrations of
//! programs that use one.
//!
//! A [`MockTaskManager`] applies the rules of an access point: the same state machine, the same
//! errors for the same reasons, and the same numbering, filtering, paging and resuming of logs. A
//! script replaces the agent. The mock performs no I/O, runs no programs, and is deterministic for a
//! given seed.
//!
//! # Time
//!
//! Sessions use tokio's clock. With `tokio::time::pause`, or in a test with `start_paused`, that
//! clock advances to the next timer whenever all tasks are idle. A session of an hour then takes a
//! millisecond, and every duration is exact:
//!
//! ```
//! use std::time::Duration;
//! use ah_rest_api_contract::{
//!     EventFilter, EventPayload, EventSeq, RepoConfig, StreamItem, TaskLaunchParams, TaskManager,
//!     TaskManagerError,
//! };
//! use ah_rest_mock_client::{MockTaskManager, ScriptBuilder};
//! use futures::StreamExt;
//!
//! /// The code under test, which is independent of the mock.
//! async fn thoughts_of(
//!     manager: &dyn TaskManager,
//!     prompt: &str,
//! ) -> Result<Vec<String>, TaskManagerError> {
//!     let params = TaskLaunchParams::builder(prompt, RepoConfig::none(), "scenario").build()?;
//!     let session = manager.launch_task(params).await?.session_ids[0];
//!     let filter = EventFilter::default();
//!     let mut events = manager.task_events_stream(session, EventSeq::START, filter).await?;
//!     let mut thoughts = Vec::new();
//!     while let Some(item) = events.next().await {
//!         if let StreamItem::Event(event) = item?
//!             && let EventPayload::Thought(thought) = event.payload
//!         {
//!             thoughts.push(thought.thought);
//!         }
//!     }
//!     Ok(thoughts)
//! }
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let script = ScriptBuilder::new("patient")
//!     .think("They asked: {{prompt}}")
//!     .after(Duration::from_secs(3600))
//!     .think("An hour later I still agree.")
//!     .build();
//! let mock = MockTaskManager::builder().script(script).build();
//! let began = tokio::time::Instant::now();
//! assert_eq!(
//!     thoughts_of(&mock, "tidy up").await.unwrap(),
//!     ["They asked: tidy up", "An hour later I still agree."]
//! );
//! assert_eq!(began.elapsed(), Duration::from_secs(3600));
//! # }
//! ```
//!
//! On a running clock the same session takes an hour, which is useful for demonstrations.
//!
//! # Scripts
//!
//! * [`MockTaskManager::new`] plays a realistic session for every task: four minutes and over 50
//!   events of thoughts, plans, tools, edits and a test that fails first.
//! * [`MockBuilder::script`] sets another script, created with a [`ScriptBuilder`] or read from a
//!   scenario file by [`ah_scenario::Scenario`].
//! * A task may select a scenario in its agent's settings: `{"scenario": "permission"}`, or a
//!   scenario as an object. The built-in agent of an access point has the same setting.
//! * [`MockBuilder::agent`] adds agents, each with its script.
//!
//! The agent `scenario` of an access point plays the same scenario files with real effects. The
//! mock runs no command and writes no file: a tool returns the scripted result, and the files and
//! diffs of a session are derived from its edits.
//!
//! # Control
//!
//! Prompts are queued, steered and withdrawn. Permission requests are answered, resolved by the
//! task's policy, or expire. Sessions are paused, resumed, interrupted, stopped and cancelled.
//! [`MockTaskManager::hold`] keeps sessions in a status, such as `pausing`, for inspection, and
//! [`MockBuilder::slots`] limits the number of running sessions. [`MockTaskManager::emit`] appends an
//! event to a running session, and [`MockBuilder::session`] adds a session with its log.
//!
//! # Faults
//!
//! [`MockTaskManager::disconnect`] starts an outage of calls and streams. A fault
//! [after the effect](Fault::after_effect) is a lost response.
//!
//! [`MockBuilder::fault`] and [`MockTaskManager::fail`] make a [`MockMethod`] return an error: on every
//! call, after some calls, a number of times, or with a probability. [`MockBuilder::latency`] delays
//! calls, [`MockBuilder::cut_streams_at`] breaks streams like a lost connection, and
//! [`MockBuilder::slow_streams`] delays their items.

mod builder;
mod changes;
mod fault;
mod ids;
mod manager;
mod script;
mod session;
mod shared;
mod state;
mod stream;

/// The crate of the scripts, which is part of this crate's API.
pub use ah_scenario;

pub use builder::MockBuilder;
pub use fault::{Fault, MockMethod};
pub use manager::MockTaskManager;
pub use script::ScriptBuilder;
