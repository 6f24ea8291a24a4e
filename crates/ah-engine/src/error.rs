//! Errors of the engine, and their conversion for clients.

use std::error::Error;

use ah_rest_api_contract::{ErrorKind, TaskManagerError};
use ah_store::StoreError;

/// A failure to start an engine.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The state folder cannot be used.
    #[error("the state folder {path} cannot be used")]
    Home {
        /// The path of the folder.
        path: std::path::PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// The store failed.
    #[error("the store cannot be read")]
    Store(#[from] StoreError),
}

/// Logs a fault of stored data and returns an error for clients without its details.
pub(crate) fn inconsistent(
    what: &str,
    error: impl Error + Send + Sync + 'static,
) -> TaskManagerError {
    tracing::error!(%what, error = &error as &dyn Error, "stored data cannot be read");
    TaskManagerError::new(ErrorKind::Internal, "stored data could not be read").caused_by(error)
}
