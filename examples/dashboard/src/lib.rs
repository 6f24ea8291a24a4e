//! An example: the core of a live dashboard of coding agents.
//!
//! It is the display-independent part of a terminal or web interface, written against
//! [`TaskManager`](ah_rest_api_contract::TaskManager). The program in this crate runs it with a
//! remote server, an in-process engine or a mock. Its tests use the mock on a paused clock, where
//! minutes of work take milliseconds.
//!
//! * [`Card`]: a session, its status and its last actions. Start reading here.
//! * [`Board`]: all cards, counted and sorted. Neither waits, so both can be tested directly.
//! * [`Dashboard`]: a board that follows a task manager, with the actions of its user.
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

/// Compiles the README's example.
#[cfg(doctest)]
#[doc = include_str!("../../../README.md")]
struct Readme;
