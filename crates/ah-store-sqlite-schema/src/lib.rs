//! The migrations of the embedded store.
//!
//! They are a crate apart because the queries of `ah-store-sqlite` are checked against a database
//! when that crate is compiled: something has to make the database before that crate exists.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, SqliteConnection};

/// `migrations/sqlite`, as it was when this crate was compiled.
static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Brings a database to the newest schema.
///
/// All of it is one transaction that begins with the write lock, so that several processes may
/// open a new file at once: the first migrates, and the others wait, as long as the connection's
/// busy timeout allows, and find nothing left to do.
///
/// # Errors
/// When the database is of a newer program, was migrated otherwise, is busy, or cannot be written.
pub async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // What `run` comes to, without the generic parameter by which `run` forgets that it is `Send`.
    MIGRATOR.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    Ok(())
}
