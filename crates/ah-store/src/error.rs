//! The errors of a store.

use std::error::Error;

use ah_rest_api_contract::{AlreadyDone, ErrorKind, Receipt, TaskManagerError};

/// A stored value that does not fit its column's type. It is never read as a default.
#[derive(Debug, thiserror::Error)]
#[error("column `{column}` of table `{table}` cannot be read for `{id}`")]
pub struct Inconsistency {
    /// The table.
    pub table: &'static str,
    /// The column.
    pub column: &'static str,
    /// The key of the row.
    pub id: String,
    /// The fault of the value.
    #[source]
    pub source: Box<dyn Error + Send + Sync>,
}

/// The reason for which a verb did nothing.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The row does not exist.
    #[error("no {what} `{id}`")]
    NotFound {
        /// The kind of row, as a noun.
        what: &'static str,
        /// Its id.
        id: String,
    },
    /// The row has changed since it was read. Read it again and decide again.
    #[error("session `{id}` was changed by another request")]
    Conflict {
        /// The session.
        id: String,
    },
    /// The writer no longer owns the session and must release it.
    #[error("session `{id}` has another owner now")]
    Fenced {
        /// The session.
        id: String,
    },
    /// An earlier request with the same key did its work. Nothing was done now.
    #[error("the request was carried out before")]
    AlreadyDone(Box<Receipt>),
    /// A stored value does not fit its column's type.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// The store is busy or closed. A retry may succeed.
    #[error("the store is not available: {reason}")]
    Unavailable {
        /// The reason.
        reason: String,
    },
    /// The backend failed.
    #[error("the store failed to {operation}")]
    Backend {
        /// The operation, as a verb phrase.
        operation: &'static str,
        /// The error of the backend.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
}

impl From<StoreError> for TaskManagerError {
    /// Hides the backend's details from clients; they stay in the source chain.
    fn from(error: StoreError) -> Self {
        let (kind, detail) = match &error {
            StoreError::AlreadyDone(receipt) => return AlreadyDone::error((**receipt).clone()),
            StoreError::NotFound { .. } => (ErrorKind::NotFound, format!("there is {error}")),
            StoreError::Conflict { .. } | StoreError::Fenced { .. } => (
                ErrorKind::Conflict,
                format!("{error} at the same moment; look at it again and repeat the request"),
            ),
            StoreError::Unavailable { .. } => (
                ErrorKind::Unavailable,
                format!("{error}; try again in a moment"),
            ),
            StoreError::Inconsistent(_) | StoreError::Backend { .. } => (
                ErrorKind::Internal,
                "the store could not be read or written".to_owned(),
            ),
        };
        Self::new(kind, detail).caused_by(error)
    }
}
