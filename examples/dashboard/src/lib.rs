//! An example: what a dashboard shows of coding agents, kept current.
//!
//! It is the part of a terminal or web interface that knows no screen, written once against
//! [`TaskManager`](ah_rest_api_contract::TaskManager). The program beside it runs it on a server
//! across the network, on an engine in its own process and on a mock; its tests run it on the mock
//! under a paused clock, where minutes of work take milliseconds.
//!
//! * [`Card`]: one session, its status and what it did last. Begin here.
//! * [`Board`]: all of them, counted and in order. Neither does any waiting, so both are tested by
//!   hand.
//! * [`Dashboard`]: a board that follows a task manager, and what a person does through it.
//! * [`draw`]: the board as text.
//!
//! ```
//! use std::sync::Arc;
//!
//! use ah_rest_mock_client::MockTaskManager;
//! use dashboard::{Dashboard, draw};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() -> Result<(), ah_rest_api_contract::TaskManagerError> {
//! // Or a `RestClient`, or a `LocalTaskManager`: nothing below would change.
//! let mut dashboard = Dashboard::open(Arc::new(MockTaskManager::builder().build())).await?;
//! dashboard.launch("Take stock", None, "scenario").await?;
//! while dashboard.board().counts().live() > 0 {
//!     dashboard.changed().await;
//! }
//! assert!(draw(dashboard.board()).contains("1 completed"));
//! # Ok(())
//! # }
//! ```

mod board;
mod card;
mod draw;
mod live;

pub use board::{Board, Counts};
pub use card::Card;
pub use draw::draw;
pub use live::Dashboard;

/// The README's example, which so is compiled.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
