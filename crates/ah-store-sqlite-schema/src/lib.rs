//! The migrations of the embedded store.
//!
//! A separate crate, because the queries of `ah-store-sqlite` are checked against a database at
//! compile time. The database must be created before that crate is compiled.

use sqlx::migrate::{MigrateError, Migrator};
use sqlx::{Connection, SqliteConnection};

/// The contents of `migrations/sqlite` at compile time.
static MIGRATOR: Migrator = sqlx::migrate!("../../migrations/sqlite");

/// Migrates a database to the newest schema.
///
/// One transaction that begins with the write lock, so that several processes may open a new file
/// at once. The first one migrates. The others wait for at most the connection's busy timeout and
/// have nothing left to do.
///
/// # Errors
/// The database belongs to a newer version, has different migrations, is busy, or cannot be
/// written.
pub async fn migrate(connection: &mut SqliteConnection) -> Result<(), MigrateError> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    // The same as `run`, whose future is not `Send` because of its generic parameter.
    MIGRATOR.run_direct(None, &mut *transaction, false).await?;
    transaction.commit().await?;
    Ok(())
}
