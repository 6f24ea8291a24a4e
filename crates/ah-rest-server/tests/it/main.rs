//! The server through its HTTP interface: on a free port, over the engine and over the mock, with
//! agents controlled by the test.

#![expect(
    clippy::disallowed_methods,
    reason = "tests join their tasks, or end with them"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access;
mod bad_input;
mod client;
mod conformance;
mod connections;
mod cursors;
mod description;
mod followed;
mod life;
mod once;
mod outages;
mod readers;
mod sessions;
mod streams;
mod world;
