//! The client with servers that fail in every way a network can.

#![expect(
    clippy::disallowed_methods,
    reason = "tests join their tasks, or end with them"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod answers;
mod connections;
mod failures;
mod following;
mod losses;
mod manager;
mod moves;
mod operations;
mod reconnects;
mod retries;

mod samples;
mod served;
mod spans;
mod streams;
mod tls;
mod wire;
