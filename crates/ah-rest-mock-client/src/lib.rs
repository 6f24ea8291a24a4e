//! A [`TaskManager`](ah_rest_api_contract::TaskManager) in memory, for the tests of programs that
//! use one, and for showing them without an agent.
//!
//! A [`MockTaskManager`] plays sessions by the very rules that an access point runs them by: the
//! same state machine decides, the same things are refused for the same reasons, and the log of a
//! session is numbered, filtered, paged and resumed alike. What an agent would do comes from a
//! script. Nothing is read or written, nothing is run, and nothing depends on chance that a seed
//! does not tell.
//!
//! # Time
//!
//! Sessions live on tokio's clock. Under `tokio::time::pause`, or in a test that is
//! `start_paused`, that clock jumps to the next thing that is due whenever nothing else is left to
//! do, so a session of an hour is over in a millisecond and every duration is exact:
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
//! /// What is tested: it knows nothing of mocks.
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
//! On a clock that runs, the same session takes its hour: that is a way to show a program.
//!
//! # What is played
//!
//! * [`MockTaskManager::new`] plays a realistic session for every task: four minutes and over 50
//!   events of thoughts, plans, tools, edits and a test that fails first.
//! * [`MockBuilder::script`] plays another, made with a [`ScriptBuilder`] or read from a scenario
//!   file by [`ah_scenario::Scenario`].
//! * A task that names a scenario in its agent's settings, `{"scenario": "permission"}` or the
//!   whole as an object, has that one played, as the built-in agent of an access point would.
//! * [`MockBuilder::agent`] adds agents that tasks can name, each with its script.
//!
//! The same scenario files are played for real by the agent `scenario` of an access point. Here no
//! command is run and no file is written: a tool gives what the scenario says that it gives, and
//! the files and diffs of a session are made up from its edits.
//!
//! # Steering
//!
//! Prompts are queued, steered and withdrawn; permission requests are answered, judged by the
//! task's policy, or expire; sessions are paused, resumed, interrupted, stopped and cancelled.
//! [`MockTaskManager::hold`] keeps sessions in a status, such as `pausing`, for as long as a test
//! wants to look at it, and [`MockBuilder::slots`] has them queue.
//!
//! # Things that go wrong
//!
//! [`MockBuilder::fault`] and [`MockTaskManager::fail`] have a [`Method`] answer with an error: at
//! every call, after some, a number of times, or by chance. [`MockBuilder::latency`] makes calls
//! slow, [`MockBuilder::cut_streams_at`] has streams break off as a lost connection does, and
//! [`MockBuilder::slow_streams`] has them trickle.

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

pub use builder::MockBuilder;
pub use fault::{Fault, Method};
pub use manager::MockTaskManager;
pub use script::ScriptBuilder;
