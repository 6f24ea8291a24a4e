//! The session machine of the access point.
//!
//! [`LocalTaskManager`] implements the [`TaskManager`](ah_rest_api_contract::TaskManager) trait in
//! the process that holds it, over a [`Store`](ah_store::Store) and an [`Executor`]. What may happen
//! to a session is not its to say: that is [`ah_lifecycle`], pure.
//!
//! * `supervisor`: one task a session, the owner of its state while it lives;
//! * `scheduler`: which sessions are claimed, and when;
//! * `stream`: readers as cursors.
//!
//! Commands do not reach into supervisors. They write what was decided, and the supervisor, in
//! this process or another one on the same store, is woken by the write and does what is due. So a
//! command is durable before it is answered, survives any crash, and works on a session whoever
//! attends to it.
//!
//! The crate knows neither HTTP nor SQL.

mod clock;
mod config;
mod ephemeral;
mod error;
mod executor;
#[cfg(feature = "fake-host")]
pub mod fake_host;
mod feed;
mod identity;
mod liveness;
mod local_executor;
mod manager;
mod receipts;
mod scheduler;
mod stream;
mod supervisor;

pub use clock::{Clock, ManualClock, SystemClock};
pub use config::{EngineConfig, Scheduling};
pub use error::StartError;
pub use executor::{
    Attachment, Executor, ExecutorError, Frames, Provisioned, RecorderState, Requests,
    WorkspaceRequest,
};
pub use identity::IdSource;
pub use local_executor::LocalExecutor;
pub use manager::LocalTaskManager;
