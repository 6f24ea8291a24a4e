//! Isolated workspaces of a repository: provisioning, snapshots, diffs.
//!
//! [`Workspaces`] owns a folder of this host. It contains one bare mirror per repository, created
//! once and fetched again for each session, and for each session a git folder of its own, which
//! borrows the mirror's objects:
//!
//! ```text
//! repos/<name>-<hash>.git     the mirror: the source's branches as refs/remotes/origin/*, and its
//!                             tags; nothing of sessions
//! repos/<name>-<hash>.lock    held while the mirror changes
//! worktrees/<session>         the workspace, with the agent's own git folder in `.git`
//! worktrees/<session>.git     the store of the session: its base and its snapshots as
//!                             refs/ah/<session>/<base, end, …>, the index and the refs of its start,
//!                             and after its end the agent's commits; the agent has no part in it
//! worktrees/<session>.json    its record, complete once the workspace is
//! worktrees/<session>.lock    held while the workspace is created or removed
//! worktrees/<session>.overlay the differences from the prepared checkout, if the workspace is an
//!                             overlay mount
//! bases/<key>                 a prepared checkout of a commit, with its index
//! ```
//!
//! The files of a workspace come from one of the providers in `provider.rs`.
//!
//! A workspace starts from a *commit*. Uncommitted changes of the user's checkout are not part of
//! it. The user's checkout is never written.
//!
//! The changes of a session are the difference between its whole folder, untracked files included,
//! and its base commit. This crate reads the folder itself, and writes it as a commit to the store;
//! git compares the two commits (`docs/decisions/0024-a-git-folder-for-each-session.md`). No git
//! that this crate starts reads the folder or the configuration of an agent.
//!
//! The crate starts no agent and does not know the store. Its input is a session id and an address,
//! and its result is a folder.

mod bases;
mod changes;
mod commit_settings;
mod config_text;
mod convert;
mod diff;
mod empty;
mod error;
mod files;
mod folder;
mod git;
mod ignored;
mod import;
mod index;
mod keep;
mod layout;
mod lock;
mod mirror;
mod mounts;
mod provider;
mod record;
mod refs;
mod remains;
mod repository;
mod scan;
mod session_folders;
mod snapshot;
mod source;
mod stage;
mod workspaces;

pub use changes::Changes;
pub use error::WorkspaceError;
pub use git::GIT_VERSION_MIN;
pub use record::Workspace;
pub use session_folders::PushPolicy;
pub use workspaces::Workspaces;
