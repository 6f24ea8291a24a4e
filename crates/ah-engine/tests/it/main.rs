//! The engine on a real store, with agents controlled by the test and a manual clock.

#![expect(
    clippy::disallowed_methods,
    reason = "tests join their tasks, or end with them"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod costs;
mod crashes;
mod history;
mod life;
mod once;
mod outages;
mod reclaim;
mod replies;
mod steering;
mod streams;
mod test_store;
mod workspaces;
mod world;
