//! What can go wrong with a workspace.

use std::path::PathBuf;
use std::time::Duration;

use ah_rest_api_contract::SessionId;

use crate::git::GIT_VERSION_MIN;

/// Why there is no workspace, or no answer about one.
///
/// The message says what failed on what, [`WorkspaceError::help`] what to do about it, and
/// [`WorkspaceError::field`] which field of the task is at fault when one is. What git said is in
/// the message, without the credentials that an address may carry.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no `git` program.
    #[error("the program `git` could not be started")]
    GitMissing {
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The `git` program is older than this crate can work with.
    #[error("git {found} is older than {}.{}", GIT_VERSION_MIN.0, GIT_VERSION_MIN.1)]
    GitTooOld {
        /// What `git version` printed.
        found: String,
    },
    /// The repository's address leads to no repository that can be read.
    #[error("the repository `{address}` cannot be read: {detail}")]
    SourceUnreadable {
        /// The address, without credentials.
        address: String,
        /// What git said.
        detail: String,
    },
    /// The repository has no such branch.
    #[error("the repository `{address}` has no branch `{branch}`{}", listed(.known))]
    BranchUnknown {
        /// The address, without credentials.
        address: String,
        /// The branch that was asked for.
        branch: String,
        /// Some branches that there are.
        known: Vec<String>,
    },
    /// The repository has branches, but its HEAD names none of them, and the task neither.
    #[error("the repository `{address}` has no default branch{}", listed(.known))]
    NoDefaultBranch {
        /// The address, without credentials.
        address: String,
        /// Some branches that there are.
        known: Vec<String>,
    },
    /// The repository has no such commit, or several that begin so.
    #[error("the repository `{address}` has no single commit `{commit}`")]
    CommitUnknown {
        /// The address, without credentials.
        address: String,
        /// The commit that was asked for.
        commit: String,
    },
    /// A workspace that was there is not there any more, and no snapshot stands in for it.
    #[error("the workspace of session {session} is gone from `{}`", path.display())]
    WorkspaceGone {
        /// The session.
        session: SessionId,
        /// Where it was.
        path: PathBuf,
    },
    /// The name of a snapshot is not one.
    #[error(
        "`{name}` is not a snapshot's name: it takes 1 to 64 of a-z, 0-9 and `-`, and not `base`"
    )]
    SnapshotName {
        /// The name.
        name: String,
    },
    /// Somebody else has been at work on the same thing for too long.
    #[error("`{}` was held by another process for over {} s", path.display(), waited.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// How long was waited.
        waited: Duration,
    },
    /// Git failed.
    #[error("git failed to {operation}: {detail}")]
    Git {
        /// What it was doing, as a verb phrase.
        operation: &'static str,
        /// What it said, bounded.
        detail: String,
    },
    /// Git did not end in time, and was ended.
    #[error("git did not {operation} within {} s", limit.as_secs())]
    GitTimeout {
        /// What it was doing, as a verb phrase.
        operation: &'static str,
        /// How long it had.
        limit: Duration,
    },
    /// Git said more than is read.
    #[error("git gave over {limit_bytes} bytes when asked to {operation}")]
    GitOutput {
        /// What it was doing, as a verb phrase.
        operation: &'static str,
        /// How much is read at most.
        limit_bytes: usize,
    },
    /// Git printed something that this crate cannot read.
    #[error("what git printed to {operation} cannot be read: {problem}")]
    GitFormat {
        /// What it was doing, as a verb phrase.
        operation: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A file or folder could not be read or written.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// What was being done, as a verb phrase.
        operation: &'static str,
        /// To which file.
        path: PathBuf,
        /// What the operating system said.
        #[source]
        source: std::io::Error,
    },
    /// The record of a workspace cannot be read.
    #[error("the record `{}` of a workspace cannot be read", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        source: serde_json::Error,
    },
}

impl WorkspaceError {
    /// Which field of a task is at fault: what its author can mend.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::SourceUnreadable { .. } => Some("repo.url"),
            Self::BranchUnknown { .. } | Self::NoDefaultBranch { .. } => Some("repo.branch"),
            Self::CommitUnknown { .. } => Some("repo.commit"),
            _ => None,
        }
    }

    /// What to do about it, as a sentence.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::GitMissing { .. } => "Install git and put it on the PATH.",
            Self::GitTooOld { .. } => "Install a newer git and put it first on the PATH.",
            Self::SourceUnreadable { .. } => {
                "Check the address, that `git ls-remote` can read it without asking for a \
                 password, and that the network is there."
            }
            Self::BranchUnknown { .. } | Self::NoDefaultBranch { .. } => {
                "Name a branch that the repository has; one that only a clone of it has must be \
                 pushed first."
            }
            Self::CommitUnknown { .. } => {
                "Name a commit that the repository has, in more digits if it begins like another."
            }
            Self::WorkspaceGone { .. } => {
                "Launch the task again: the folder was removed by something else."
            }
            Self::SnapshotName { .. } => "Choose another name.",
            Self::Busy { .. } => "Wait for the other `ah` to be done, and try again.",
            Self::GitTimeout { .. } => "Check the network and the disk, and try again.",
            Self::GitOutput { .. } => "Ask for fewer files at a time.",
            Self::Git { .. } | Self::GitFormat { .. } => {
                "See what git says; `git fsck` in the repository tells whether it is sound."
            }
            Self::File { .. } => "Check the permissions and the space of the disk.",
            Self::Record { .. } => "Remove the session, and launch the task again.",
        }
    }

    pub(crate) fn file(
        operation: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File {
            operation,
            path,
            source,
        }
    }
}

fn listed(known: &[String]) -> String {
    if known.is_empty() {
        "; it has none".to_owned()
    } else {
        format!("; it has {}", known.join(", "))
    }
}
