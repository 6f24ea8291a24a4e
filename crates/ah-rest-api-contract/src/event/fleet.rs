//! Events of a fleet: what a session's leader tells of its followers (contract §5.2).

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// `fenceStarted`: followers are being brought to one state of the files.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FenceStarted {
    /// The snapshot they are brought to.
    pub snapshot_id: String,
    /// Who said so: `leader`.
    pub origin: String,
    /// How it travelled: `ssh`.
    pub transport: String,
}

/// How a follower came out of a fence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FenceState {
    /// It has the snapshot's files.
    Consistent,
    /// It did not answer in time.
    Timeout,
    /// It could not.
    Error,
}

/// One follower's part of a fence's result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FenceHost {
    /// How it came out.
    pub state: FenceState,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// What was wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// `fenceResult`: how each follower came out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct FenceResult {
    /// The snapshot they were brought to.
    pub snapshot_id: String,
    /// The followers by name.
    pub hosts: BTreeMap<String, FenceHost>,
}

/// `hostStarted`: a follower began to run a command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostStarted {
    /// The follower.
    pub host: String,
}

/// Where a command's output came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// `hostLog`: a follower's command printed something.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostLog {
    /// The follower.
    pub host: String,
    /// Where to.
    pub stream: OutputStream,
    /// What.
    pub message: String,
}

/// `hostExited`: a follower's command ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HostExited {
    /// The follower.
    pub host: String,
    /// The exit code.
    pub code: i32,
}

/// `summary`: which followers passed and which failed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Summary {
    /// Those that passed.
    pub passed: Vec<String>,
    /// Those that failed.
    pub failed: Vec<String>,
}

/// The operating system of a follower.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum FollowerOs {
    /// Linux.
    Linux,
    /// macOS.
    Macos,
    /// Windows.
    Windows,
}

/// One follower of a fleet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "camelCase")]
pub struct Follower {
    /// Its name.
    pub name: String,
    /// Its operating system.
    pub os: FollowerOs,
    /// Its tags.
    pub tags: Vec<String>,
    /// Where it is reached.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// As whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ssh_user: Option<String>,
}

/// `followersCatalog`: the followers there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FollowersCatalog {
    /// Them.
    pub hosts: Vec<Follower>,
}

/// `note`: a remark of the leader.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Note {
    /// The remark.
    pub message: String,
}
