//! The code that touches agent programs: the catalogue of agents, the protocol drivers, and the
//! recorder, a detached process that runs one agent, records its events, and outlives the access
//! point.

mod attendance;
mod catalog;
mod driver;
mod home;
mod inheritance;
pub mod journal;
mod launch;
mod process;
pub mod protocol;
pub mod recorder;
pub mod scenario_agent;

pub use attendance::{
    AttachError, ConnectionError, Disconnected, RecorderConnection, RequestSender,
};
pub use catalog::{AgentEntry, Catalog, ConfiguredAgents, HomeOf, HostEnvironment, InvalidAgent};
pub use home::HomePlan;
pub use inheritance::Inheritance;
pub use launch::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};
pub use process::{SESSION_MARK, sweep_folder, sweep_session};
