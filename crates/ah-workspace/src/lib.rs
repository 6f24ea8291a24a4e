//! Isolated workspaces of a repository: provisioning, snapshots, diffs.
//!
//! [`Workspaces`] owns one folder of this host. In it is one bare mirror per repository, made once
//! and fetched again for each session, and one git worktree per session on a branch of its own:
//!
//! ```text
//! repos/<name>-<hash>.git     the mirror: the source's branches as refs/remotes/origin/*, its tags,
//!                             the sessions' branches as refs/heads/ah/<session>, and what sessions
//!                             began and ended at as refs/ah/<session>/<base, end, …>
//! repos/<name>-<hash>.lock    held by whoever changes the mirror
//! worktrees/<session>         the workspace
//! worktrees/<session>.json    the record of it: complete once the workspace is
//! worktrees/<session>.lock    held by whoever makes or removes the workspace
//! ```
//!
//! A workspace begins at a *commit*. What the user's checkout has beyond its last commit is not
//! part of it (commit first), and nothing of the user's checkout is ever written: a session's work
//! is in the mirror.
//!
//! What a session changed is told by comparing its whole folder, untracked files included, with
//! the commit it began at. Git does the comparing, so the answer is git's own
//! (`docs/decisions/0008-git-itself.md`).
//!
//! The crate starts no agent and knows no store: it is given an id and an address, and answers
//! with a folder.

mod changes;
mod diff;
mod error;
mod folder;
mod git;
mod lock;
mod mirror;
mod record;
mod repository;
mod snapshot;
mod source;
mod workspaces;

pub use changes::Changes;
pub use error::WorkspaceError;
pub use git::GIT_VERSION_MIN;
pub use record::Workspace;
pub use workspaces::{ProvisionRequest, Workspaces};
