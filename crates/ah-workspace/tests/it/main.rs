//! Workspaces of real repositories, against what git itself says of them.
//!
//! No configuration of this host's user takes part: see `fixture`.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod changes;
mod concurrency;
mod crash;
mod fixture;
mod property;
mod provision;
mod source;
