//! The session machine of the access point.
//!
//! [`LocalTaskManager`] implements the [`TaskManager`](ah_rest_api_contract::TaskManager) trait in
//! its own process, over a [`Store`](ah_store::Store) and an [`Executor`](ah_executor::Executor). The pure crate
//! [`ah_lifecycle`] decides the transitions of sessions.
//!
//! * `supervisor`: one task per session, which owns the session's state;
//! * `scheduler`: claims of queued and orphaned sessions;
//! * `stream`: readers as cursors.
//!
//! Commands do not call supervisors. They write a decision. The write wakes the session's
//! supervisor, in this process or another one on the same store, which carries the decision out. So
//! a command is durable before its reply, survives any crash, and works with any owner.
//!
//! The crate contains neither HTTP nor SQL.

mod clock;
mod condition;
mod config;
mod decision;
mod encoding;
mod engine;
mod ephemeral;
mod error;
mod feed;
mod identity;
mod liveness;
mod manager;
mod reclaim;
mod scheduler;
mod shortage;
mod stream;
mod supervisor;
mod supervisors;
#[cfg(feature = "testing")]
pub mod testing;

pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{EngineConfig, Scheduling};
pub use error::StartError;
pub use identity::IdSource;
pub use manager::LocalTaskManager;
