//! The engine over a real store, with agents that the test plays and a clock that it turns.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod costs;
mod counting_store;
mod crashes;
mod life;
mod once;
mod steering;
mod streams;
mod world;
