//! The bounds of a transaction.

use ah_store::StoreError;
use rusqlite::Connection;

use crate::statement::execute;

/// Begins a transaction, with the lock of the writer.
pub(crate) fn begin(connection: &Connection) -> Result<(), StoreError> {
    execute!(connection, "begin a transaction", "BEGIN IMMEDIATE").map(drop)
}

/// Commits the transaction of `operation`.
pub(crate) fn end(connection: &Connection, operation: &'static str) -> Result<(), StoreError> {
    execute!(connection, operation, "COMMIT").map(drop)
}

/// Rolls back a failed transaction, so that the next one can begin.
pub(crate) fn roll_back(connection: &Connection) {
    // SQLite may have rolled it back itself, or it may not have begun.
    if let Err(error) = execute!(connection, "roll back a transaction", "ROLLBACK") {
        tracing::debug!(%error, "there was no transaction to roll back");
    }
}
