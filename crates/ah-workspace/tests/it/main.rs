//! Workspaces of real repositories, compared with git's own results.
//!
//! The user's git configuration is not used, see `fixture`.

#![expect(
    clippy::disallowed_methods,
    reason = "tests join their tasks, or end with them"
)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod changes;
mod commits;
mod concurrency;
mod crash;
mod files;
mod fixture;
mod hostile;
mod kept;
mod legacy;
mod mirror;
mod normal_clone;
mod overlay;
mod property;
mod provision;
mod source;
