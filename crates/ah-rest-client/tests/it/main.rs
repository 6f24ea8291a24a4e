//! The client against servers that misbehave in every way a network can.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod following;
mod manager;
mod reconnects;
mod retries;
mod routes;
mod samples;
mod streams;
mod tls;
mod wire;
