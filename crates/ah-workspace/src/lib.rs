//! Isolated workspaces of a repository: provisioning, snapshots, diffs.
//!
//! [`Workspaces`] owns a folder of this host. It contains one bare mirror per repository, created
//! once and fetched again for each session, and one git worktree per session on its own branch:
//!
//! ```text
//! repos/<name>-<hash>.git     the mirror: the source's branches as refs/remotes/origin/*, its tags,
//!                             the sessions' branches as refs/heads/ah/<session>, and the snapshots
//!                             of sessions as refs/ah/<session>/<base, end, …>
//! repos/<name>-<hash>.lock    held while the mirror changes
//! worktrees/<session>         the workspace
//! worktrees/<session>.json    its record, complete once the workspace is
//! worktrees/<session>.lock    held while the workspace is created or removed
//! ```
//!
//! A workspace starts from a *commit*. Uncommitted changes of the user's checkout are not part of
//! it. The user's checkout is never written: a session's work is in the mirror.
//!
//! The changes of a session are the difference between its whole folder, untracked files included,
//! and its base commit. Git computes the difference, so the result is git's own
//! (`docs/decisions/0008-git-itself.md`).
//!
//! The crate starts no agent and does not know the store. Its input is a session id and an address,
//! and its result is a folder.

mod changes;
mod commit_settings;
mod diff;
mod empty;
mod error;
mod folder;
mod git;
mod lock;
mod mirror;
mod record;
mod remains;
mod repository;
mod snapshot;
mod source;
mod stage;
mod workspaces;

pub use changes::Changes;
pub use error::WorkspaceError;
pub use git::GIT_VERSION_MIN;
pub use record::Workspace;
pub use workspaces::Workspaces;
