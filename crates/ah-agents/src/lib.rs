//! The agent programs: the catalogue of agents, the protocol drivers, the separate homes of agents,
//! and the built-in agent.
//!
//! The crate runs no session. A recorder (`ah-recorder`) starts a program that the [`Catalog`]
//! resolved, in a [`home`], and communicates with it through a [`driver`].

mod catalog;
pub mod driver;
mod folder;
pub mod home;
mod inheritance;
mod launch;
mod near_miss;
pub mod scenario_agent;

pub use catalog::has_own_sandbox;
pub use catalog::{AgentEntry, Catalog, ConfiguredAgents, HomeOf, HostEnvironment, InvalidAgent};
pub use folder::SessionFolder;
pub use home::HomePlan;
pub use inheritance::Inheritance;
pub use launch::{AgentProgram, DriverKind, LaunchSpec, SandboxLaunch};
pub use near_miss::nearest_name;
