//! SQLite's errors as errors of the port.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use ah_store::{Inconsistency, StoreError};

/// Primary result codes of SQLite for a lock that was not free in time.
const BUSY: u32 = 5;
const LOCKED: u32 = 6;
/// Primary result codes of SQLite for a disk or a host that lacks something.
const NO_MEMORY: u32 = 7;
const READ_ONLY: u32 = 8;
const IO_ERROR: u32 = 10;
const FULL: u32 = 13;
const CANNOT_OPEN: u32 = 14;

/// Adds the failed operation to an error.
pub(crate) trait During<T> {
    /// Converts the error to that of failing to `operation`.
    fn during(self, operation: &'static str) -> Result<T, StoreError>;
}

impl<T> During<T> for Result<T, sqlx::Error> {
    fn during(self, operation: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| match outage(&error) {
            Some(reason) => {
                let error = &error as &dyn Error;
                tracing::debug!(error, operation, "the store is not available");
                StoreError::Unavailable { reason }
            }
            None => backend(operation, error),
        })
    }
}

impl<T> During<T> for Result<T, rusqlite::Error> {
    fn during(self, operation: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| {
            // The lowest byte of an extended code is the primary one.
            let code = error
                .sqlite_error()
                .and_then(|failure| u32::try_from(failure.extended_code & 0xff).ok());
            match outage_of_code(code, &error) {
                Some(reason) => {
                    let error = &error as &dyn Error;
                    tracing::debug!(error, operation, "the store is not available");
                    StoreError::Unavailable { reason }
                }
                None => backend(operation, error),
            }
        })
    }
}

impl<T> During<T> for Result<T, serde_json::Error> {
    fn during(self, operation: &'static str) -> Result<T, StoreError> {
        self.map_err(|error| backend(operation, error))
    }
}

/// Returns the reason of a failure after which a retry may succeed, with the remedy if the user has
/// one; `None` for any other failure.
fn outage(error: &sqlx::Error) -> Option<String> {
    match error {
        sqlx::Error::PoolClosed | sqlx::Error::PoolTimedOut | sqlx::Error::WorkerCrashed => {
            Some(error.to_string())
        }
        _ => outage_of_code(primary_code(error), error),
    }
}

/// Returns the same for an error of SQLite with this primary code.
fn outage_of_code(code: Option<u32>, error: &dyn Error) -> Option<String> {
    match code? {
        FULL => Some("the disk is full; free some space on it".to_owned()),
        READ_ONLY => Some("its file or its disk is read-only; make it writable".to_owned()),
        IO_ERROR => Some(format!("the disk failed: {error}")),
        CANNOT_OPEN | NO_MEMORY | BUSY | LOCKED => Some(error.to_string()),
        _ => None,
    }
}

/// Returns true if another connection holds a lock on the file.
pub(crate) fn is_busy(error: &sqlx::Error) -> bool {
    primary_code(error) == Some(BUSY)
}

fn primary_code(error: &sqlx::Error) -> Option<u32> {
    let code = error.as_database_error()?.code()?.parse::<u32>().ok()?;
    // The lowest byte is the primary code.
    Some(code & 0xff)
}

/// Returns the error of failing to `operation`.
pub(crate) fn backend(
    operation: &'static str,
    source: impl Into<Box<dyn Error + Send + Sync>>,
) -> StoreError {
    StoreError::Backend {
        operation,
        source: source.into(),
    }
}

/// Returns the error of a value that does not fit its column's type.
pub(crate) fn inconsistent(
    table: &'static str,
    column: &'static str,
    id: impl fmt::Display,
    source: impl Into<Box<dyn Error + Send + Sync>>,
) -> StoreError {
    StoreError::Inconsistent(Inconsistency {
        table,
        column,
        id: id.to_string(),
        source: source.into(),
    })
}

/// Returns the error of a missing row.
pub(crate) fn not_found(what: &'static str, id: impl fmt::Display) -> StoreError {
    StoreError::NotFound {
        what,
        id: id.to_string(),
    }
}

/// Returns the error of a failure after which a retry may succeed.
pub(crate) fn unavailable(reason: impl Into<String>) -> StoreError {
    StoreError::Unavailable {
        reason: reason.into(),
    }
}

/// Returns the error of a call after [`ah_store::Store::close`].
pub(crate) fn closed() -> StoreError {
    unavailable("it was closed")
}

/// Returns the error of an operation during which a task of the store panicked.
pub(crate) fn interrupted() -> StoreError {
    backend("finish an operation", "its task panicked")
}

/// An error shared by all writes of one transaction.
#[derive(Clone, Debug)]
pub(crate) struct SharedError(Arc<StoreError>);

impl SharedError {
    pub(crate) fn new(error: StoreError) -> Self {
        Self(Arc::new(error))
    }

    /// Returns the error of one write.
    pub(crate) fn for_one(&self) -> StoreError {
        match &*self.0 {
            StoreError::Unavailable { reason } => StoreError::Unavailable {
                reason: reason.clone(),
            },
            _ => backend("commit a group of writes", self.clone()),
        }
    }
}

impl fmt::Display for SharedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl Error for SharedError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}
