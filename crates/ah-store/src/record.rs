//! What is stored besides what clients see.

use std::fmt;

use ah_lifecycle::Launch;
use ah_rest_api_contract::{Draft, RepositoryId, Session, Task};
use serde::{Deserialize, Serialize};

use crate::Reply;

/// The place of an event among those of all sessions, in the order in which they were committed:
/// whoever resumes after the last place it saw has missed nothing. Places grow and are never used
/// twice, but they have gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LogPosition(pub u64);

impl LogPosition {
    /// Before every event.
    pub const START: Self = Self(0);
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// A draft as it is stored.
pub type DraftRecord = Draft;

/// A task to create: it and its sessions come into being together.
#[derive(Clone, Debug, PartialEq)]
pub struct NewTask {
    /// The task.
    pub task: Task,
    /// Its sessions, each `queued`, in the order of the request. Their logs get their first
    /// `status` event in the same transaction.
    pub sessions: Vec<(Session, Launch)>,
    /// The id for the task's repository, if it is a new one. Whether it is, its address without
    /// credentials tells.
    pub repository_id: RepositoryId,
    /// What people call the repository; absent when the task has none.
    pub repository_name: Option<String>,
    /// What the request that asks for it is replied, when it is to be done only once.
    pub reply: Option<Reply>,
}
