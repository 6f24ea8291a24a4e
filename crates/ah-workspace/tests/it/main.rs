//! Workspaces of real repositories, against what git itself says of them.
//!
//! No configuration of this host's user takes part: see `fixture`.

mod changes;
mod concurrency;
mod crash;
mod fixture;
mod property;
mod provision;
mod source;
