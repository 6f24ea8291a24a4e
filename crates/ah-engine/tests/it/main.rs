//! The engine on a real store, with agents controlled by the test and a manual clock.

#![expect(
    clippy::disallowed_methods,
    reason = "tests join their tasks, or end with them"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod costs;
mod counting_store;
mod crashes;
mod life;
mod once;
mod outages;
mod steering;
mod streams;
mod workspaces;
mod world;
