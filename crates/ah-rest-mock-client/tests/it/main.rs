//! The mock on a paused clock.

#![expect(
    clippy::disallowed_methods,
    reason = "tests join their tasks, or end with them"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod conformance;
mod crowd;
mod faults;
mod play;
mod world;
