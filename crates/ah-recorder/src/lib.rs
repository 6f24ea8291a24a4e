//! The recorder: a detached process that runs one agent, records its events, and outlives the
//! access point. It is to an agent what a shim is to a container.
//!
//! * [`main`] is the recorder itself, which `ah agent record` runs. Its log goes to a
//!   [`BoundedLog`].
//! * [`spawn`], [`is_alive`], [`pid`], [`info`], [`kill`] and [`RecorderConnection`] are for its
//!   attendant, which
//!   communicates with it by the [`protocol`].
//! * [`journal`] reads the records of a recorder that has ended.
//! * [`sweep_folder`] and [`sweep_session`] end the processes that a killed recorder left behind.
//!   [`remove_group`] and [`remove_abandoned_groups`] remove control groups.
//!
//! The programs of agents and the protocols that they speak are in [`ah_agents`].

mod agent;
mod clock;
mod connection;
mod context;
mod end_reason;
mod error_lines;
mod files;
pub mod journal;
mod lines;
mod lock;
mod log;
mod process;
pub mod protocol;
mod run;
mod sandboxed;
mod server;
mod session;
mod shutdown;
mod spawn;
mod tasks;

pub use connection::{
    AttachError, ConnectionError, Disconnected, RecorderConnection, RequestSender, info,
};
pub use log::BoundedLog;
pub use process::descriptors::raise as raise_descriptor_limit;
pub use process::{
    SESSION_MARK, remove_abandoned_groups, remove_group, sweep_folder, sweep_session,
};
pub use run::{is_alive, kill, main, pid};
pub use spawn::{RecorderCommand, SpawnError, spawn};
