//! Opening the file.

use std::fs::{OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;
use std::time::Duration;

use ah_store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};

use crate::error::{During as _, backend};

/// How long a connection waits for the lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a reader waits for a free connection.
const READER_TIMEOUT: Duration = Duration::from_secs(10);
/// How many readers read at once.
const READERS: u32 = 4;
/// To how many bytes the write-ahead log is cut back after a checkpoint.
const JOURNAL_BYTES: &str = "67108864";
/// The file holds the environment of agents, secrets included: it is its owner's alone. SQLite
/// gives the files beside it the same mode.
const MODE: u32 = 0o600;

/// The connections of a store.
pub(crate) struct Connections {
    pub(crate) writer: SqliteConnection,
    pub(crate) readers: SqlitePool,
    /// For looking for other processes' commits.
    pub(crate) lookout: SqliteConnection,
}

/// Opens the file at `path`, making it if there is none, and brings it to the newest schema.
pub(crate) async fn open(path: &Path) -> Result<Connections, StoreError> {
    make_private(path).map_err(|error| backend("make its file", error))?;
    let mut writer = writer(path).await?;
    ah_store_sqlite_schema::migrate(&mut writer)
        .await
        .map_err(|error| backend("bring its file to the newest schema", error))?;
    let reading = file(path).read_only(true);
    let lookout = SqliteConnection::connect_with(&reading)
        .await
        .during("open its file")?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_TIMEOUT)
        // A connection to a file does not go stale.
        .test_before_acquire(false)
        .connect_lazy_with(reading);
    Ok(Connections {
        writer,
        readers,
        lookout,
    })
}

/// A connection that writes to the file at `path`, which is there.
pub(crate) async fn writer(path: &Path) -> Result<SqliteConnection, StoreError> {
    let writing = file(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", JOURNAL_BYTES)
        .thread_name(|_| "ah-store-writer".to_owned());
    SqliteConnection::connect_with(&writing)
        .await
        .during("open its file")
}

fn file(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(false)
        .busy_timeout(BUSY_TIMEOUT)
        .foreign_keys(true)
        .pragma("trusted_schema", "OFF")
        .disable_statement_logging()
}

fn make_private(path: &Path) -> io::Result<()> {
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(MODE)
        .open(path)?;
    if file.metadata()?.permissions().mode() & 0o777 != MODE {
        file.set_permissions(Permissions::from_mode(MODE))?;
    }
    Ok(())
}
