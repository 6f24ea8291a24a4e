//! The whole system from a user's view: the real `ah`, real repositories, real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access_point;
mod acp_agent;
mod agents;
mod bad_input;
mod branches;
mod commands;
mod commits;
mod conformance;
mod context;
mod crashes;
mod crowd;
mod disk;
mod explained;
mod host;
mod hostile;
mod http;
mod isolation;
mod kills;
mod leftovers;
mod manners;
mod network;
mod over_http;
mod processes;
mod readme;
mod reads;
mod real_agents;
mod sandbox;
mod server;
mod setting;
mod settings;
mod spine;
mod terminal;
