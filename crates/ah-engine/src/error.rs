//! What the engine can fail with, and what clients are told of it.

use std::error::Error;

use ah_rest_api_contract::{AlreadyDone, ErrorKind, TaskManagerError};
use ah_store::StoreError;

/// Why an engine could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder of its state cannot be used.
    #[error("the state folder {path} cannot be used")]
    Home {
        /// The folder.
        path: std::path::PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// The store failed.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
}

/// Converts an error of the store for clients.
pub(crate) fn store_error(error: StoreError) -> TaskManagerError {
    match error {
        StoreError::AlreadyReplied(reply) => AlreadyDone::error(crate::receipts::read(*reply)),
        error => error.into(),
    }
}

/// What clients are told when something stored cannot be what it should be.
pub(crate) fn inconsistent(
    what: &str,
    error: impl Error + Send + Sync + 'static,
) -> TaskManagerError {
    tracing::error!(%what, error = &error as &dyn Error, "stored data cannot be read");
    TaskManagerError::new(ErrorKind::Internal, "stored data could not be read").caused_by(error)
}
