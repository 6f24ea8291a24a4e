//! All that touches an agent program: the catalogue of agents, the drivers that speak to them, and
//! the recorder, a detached process that runs one agent, writes down what it does, and outlives
//! the access point.

mod launch;
pub mod protocol;
pub mod scenario_agent;

pub use launch::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};
