//! What a verb can fail with.

use std::error::Error;

use crate::Reply;

/// A stored value that cannot be what it should be. It is never read as a default.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` of table `{table}` cannot be read for `{id}`")]
pub struct Inconsistency {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// Which row, by its key.
    pub id: String,
    /// What is wrong with the value.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// Why a verb did nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// There is no such row.
    #[error("no {what} `{id}`")]
    NotFound {
        /// What was looked for, as a noun.
        what: &'static str,
        /// By which id.
        id: String,
    },
    /// The row has changed since it was read. Read it again and decide again.
    #[error("session `{id}` was changed by somebody else")]
    Conflict {
        /// The session.
        id: String,
    },
    /// The writer no longer owns the session. It must let go of it.
    #[error("session `{id}` has another owner now")]
    Fenced {
        /// The session.
        id: String,
    },
    /// The same request did its work before, and this is what it was replied. Nothing was done
    /// now.
    #[error("the request was done and replied to before")]
    AlreadyReplied(Box<Reply>),
    /// A stored value cannot be what it should be.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// The store is busy or shutting down. Trying again later may help.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
    },
    /// The backend failed.
    #[error("the store failed to {operation}")]
    Backend {
        /// What it was doing, as a verb phrase.
        operation: &'static str,
        /// What it said.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}
