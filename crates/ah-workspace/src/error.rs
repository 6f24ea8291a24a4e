//! The errors of workspaces.

use std::path::PathBuf;
use std::time::Duration;

use ah_rest_api_contract::SessionId;

use crate::git::Cause;

/// An error of a workspace operation.
///
/// The message names the operation and its object, [`WorkspaceError::help`] suggests a remedy, and
/// [`WorkspaceError::field`] names the invalid field of the task, if any. The message contains
/// git's output without the credentials of addresses, and is for logs. Clients get
/// [`WorkspaceError::explanation`].
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// There is no `git` program.
    #[error("failed to start `git`")]
    GitMissing {
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The `git` program is older than the minimum version.
    #[error("git {found} is older than {}.{}", minimum.0, minimum.1)]
    GitTooOld {
        /// The output of `git version`.
        found: String,
        /// The minimum version, as major and minor.
        minimum: (u32, u32),
    },
    /// The repository's address does not lead to a readable repository.
    #[error("failed to read the repository `{address}`: {detail}")]
    SourceUnreadable {
        /// The address, without credentials.
        address: String,
        /// The output of git.
        detail: String,
    },
    /// The repository can be listed, but not fetched.
    #[error("failed to fetch the repository `{address}`: {detail}")]
    FetchFailed {
        /// The address, without credentials.
        address: String,
        /// The output of git.
        detail: String,
    },
    /// The repository has no such branch.
    #[error("the repository `{address}` has no branch `{branch}`{}", listed(.known))]
    BranchUnknown {
        /// The address, without credentials.
        address: String,
        /// The requested branch.
        branch: String,
        /// Some of the existing branches.
        known: Vec<String>,
    },
    /// The repository has branches, but neither its HEAD nor the task names one of them.
    #[error("the repository `{address}` has no default branch{}", listed(.known))]
    NoDefaultBranch {
        /// The address, without credentials.
        address: String,
        /// Some of the existing branches.
        known: Vec<String>,
    },
    /// The repository has no such commit, or the prefix is ambiguous.
    #[error("the repository `{address}` has no unique commit `{commit}`")]
    CommitUnknown {
        /// The address, without credentials.
        address: String,
        /// The requested commit.
        commit: String,
    },
    /// The workspace no longer exists, and has no snapshot.
    #[error("the workspace of session {session} no longer exists at `{}`", path.display())]
    WorkspaceGone {
        /// The session.
        session: SessionId,
        /// Its former path.
        path: PathBuf,
    },
    /// The name of a snapshot is invalid.
    #[error(
        "`{name}` is not a valid snapshot name: use 1 to 64 of a-z, 0-9 and `-`, except `base`"
    )]
    SnapshotName {
        /// The name.
        name: String,
    },
    /// Another process held the lock for too long.
    #[error("`{}` was held by another process for over {} s", path.display(), waited.as_secs())]
    Busy {
        /// The lock file.
        path: PathBuf,
        /// The time waited.
        waited: Duration,
    },
    /// Git failed.
    #[error("git failed to {operation}: {detail}")]
    Git {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The output of git, bounded.
        detail: String,
    },
    /// Git exceeded the time limit and was killed.
    #[error("git did not {operation} within {} s", limit.as_secs())]
    GitTimeout {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The time limit.
        limit: Duration,
    },
    /// Git's output exceeded the limit.
    #[error("git printed more than {limit_bytes} bytes to {operation}")]
    GitOutput {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The limit in bytes.
        limit_bytes: usize,
    },
    /// Git's output could not be parsed.
    #[error("failed to parse git's output to {operation}: {problem}")]
    GitFormat {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The problem.
        problem: String,
    },
    /// A file or folder could not be read or written.
    #[error("failed to {operation} `{}`", path.display())]
    File {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// The error of the operating system.
        #[source]
        source: std::io::Error,
    },
    /// The record of a workspace cannot be read.
    #[error("failed to read the workspace record `{}`", path.display())]
    Record {
        /// The record.
        path: PathBuf,
        /// The error of the parser.
        #[source]
        source: serde_json::Error,
    },
}

impl WorkspaceError {
    /// Returns the invalid field of the task, if its author can correct the error.
    #[must_use]
    pub const fn field(&self) -> Option<&'static str> {
        match self {
            Self::SourceUnreadable { .. } | Self::FetchFailed { .. } => Some("repo.url"),
            Self::BranchUnknown { .. } | Self::NoDefaultBranch { .. } => Some("repo.branch"),
            Self::CommitUnknown { .. } => Some("repo.commit"),
            _ => None,
        }
    }

    /// Returns the message for clients: the failure and a remedy, in sentences.
    ///
    /// It contains neither git's output nor paths of the host, other than the address of the
    /// repository, which the client has named, and the session's workspace.
    #[must_use]
    pub fn explanation(&self) -> String {
        let what = match self {
            Self::SourceUnreadable { address, .. } | Self::FetchFailed { address, .. } => {
                let cause = self.cause().map_or("git refuses it", |cause| cause.words);
                format!("the repository `{address}` cannot be read: {cause}")
            }
            Self::Git { operation, .. } => match self.cause() {
                Some(cause) => format!("git failed to {operation}: {}", cause.words),
                None => format!("git failed to {operation}"),
            },
            Self::Busy { waited, .. } => format!(
                "another process has used the copy of the repository for over {} s",
                waited.as_secs()
            ),
            Self::File {
                operation, source, ..
            } => {
                let cause = match source.raw_os_error() {
                    Some(code) => std::io::Error::from_raw_os_error(code).to_string(),
                    None => source.kind().to_string(),
                };
                format!("a file operation of the host failed ({operation}): {cause}")
            }
            Self::Record { .. } => "the record of the workspace cannot be read".to_owned(),
            Self::GitFormat { operation, .. } => {
                format!("git's output could not be understood ({operation})")
            }
            other => other.to_string(),
        };
        format!("{what}. {}", self.help())
    }

    /// Returns the cause of git's failure, if it is a known one.
    fn cause(&self) -> Option<&'static Cause> {
        match self {
            Self::SourceUnreadable { detail, .. }
            | Self::FetchFailed { detail, .. }
            | Self::Git { detail, .. } => Cause::find(detail),
            _ => None,
        }
    }

    /// Returns a remedy, as a sentence.
    #[must_use]
    pub fn help(&self) -> &'static str {
        if let Some(cause) = self.cause() {
            return cause.help;
        }
        match self {
            Self::GitMissing { .. } => "Install git and make sure that it is in PATH.",
            Self::GitTooOld { .. } => "Install a newer git and make sure that it is first in PATH.",
            Self::SourceUnreadable { .. } | Self::FetchFailed { .. } => {
                "Check the address and the network, and that `git ls-remote` can read the \
                 repository without a password prompt."
            }
            Self::BranchUnknown { .. } | Self::NoDefaultBranch { .. } => {
                "Use an existing branch of the repository. A branch of a local clone must be \
                 pushed first."
            }
            Self::CommitUnknown { .. } => {
                "Use an existing commit of the repository, with more digits if it is ambiguous."
            }
            Self::WorkspaceGone { .. } => {
                "Launch the task again, because another program removed the folder."
            }
            Self::SnapshotName { .. } => "Choose another name.",
            Self::Busy { .. } => "Wait for the other `ah` process to finish, and retry.",
            Self::GitTimeout { .. } => "Check the network and the disk, and retry.",
            Self::GitOutput { .. } => "Request fewer files at a time.",
            Self::Git { .. } | Self::GitFormat { .. } => {
                "The log of the access point has git's output. `git fsck` checks the integrity of \
                 the repository."
            }
            Self::File { .. } => "Check the permissions and the free disk space.",
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
