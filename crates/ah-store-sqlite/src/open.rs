//! Opening the file.

use std::ffi::OsString;
use std::fs::{self, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use ah_store::StoreError;
use rusqlite::{Connection, OpenFlags};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
use tokio::time::{Instant, sleep};

use crate::error::{During as _, backend, is_busy};

/// The longest wait of a connection for the lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest wait of a checkpoint for readers.
const CHECKPOINT_WAIT: Duration = Duration::from_millis(50);
/// The wait between retries of operations that ignore the busy timeout.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// The longest wait of a reader for a free connection.
const READER_TIMEOUT: Duration = Duration::from_secs(10);
/// The number of reading connections.
const READERS: u32 = 4;
/// The number of prepared statements that the writer keeps. It has fewer.
const STATEMENTS: usize = 64;
/// The size in bytes to which the write-ahead log is truncated after a checkpoint.
const JOURNAL_BYTES: &str = "67108864";
/// The mode of the file, which holds the environment of agents, secrets included. SQLite gives the
/// files beside it the same mode.
const MODE: u32 = 0o600;

/// The connections of a store.
pub(crate) struct Connections {
    pub(crate) writer: Connection,
    pub(crate) readers: SqlitePool,
    /// For polling for commits of other processes.
    pub(crate) poller: SqliteConnection,
}

/// Opens the file at `path`, creates it if it is missing, and migrates it to the newest schema.
pub(crate) async fn open(path: &Path) -> Result<Connections, StoreError> {
    make_private(path).map_err(|error| backend("create its file", error))?;
    let migrated = migrate(path).await?;
    let reading = file(path).read_only(true);
    let poller = SqliteConnection::connect_with(&reading)
        .await
        .during("open its file")?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_TIMEOUT)
        // A connection to a file does not go stale.
        .test_before_acquire(false)
        .connect_lazy_with(reading);
    let writer = writer(path)?;
    // It is not the last connection, so it leaves the write-ahead log as it is.
    migrated.close().await.during("open its file")?;
    Ok(Connections {
        writer,
        readers,
        poller,
    })
}

/// Migrates the file at `path`, which exists, and switches it to the write-ahead log.
///
/// Switching a new file ignores the busy timeout and fails at once where waiting for another
/// connection could be a deadlock. Therefore it is retried until that timeout has passed. The last
/// attempt may wait for the same time once more.
async fn migrate(path: &Path) -> Result<SqliteConnection, StoreError> {
    let migrating = file(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full);
    let deadline = Instant::now() + BUSY_TIMEOUT;
    let mut connection = loop {
        match SqliteConnection::connect_with(&migrating).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(BUSY_PAUSE).await,
            connected => break connected.during("open its file")?,
        }
    };
    ah_store_sqlite_schema::migrate(&mut connection)
        .await
        .map_err(|error| backend("migrate its file to the newest schema", error))?;
    Ok(connection)
}

/// Opens a writing connection to the file at `path`, which was migrated.
pub(crate) fn writer(path: &Path) -> Result<Connection, StoreError> {
    const OPEN: &str = "open its file";
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).during(OPEN)?;
    connection.busy_timeout(BUSY_TIMEOUT).during(OPEN)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    for (name, value) in [
        ("journal_size_limit", JOURNAL_BYTES),
        // A commit is on disk when it returns.
        ("synchronous", "FULL"),
        // What is deleted or erased is overwritten with zeros.
        ("secure_delete", "ON"),
        ("foreign_keys", "ON"),
        ("trusted_schema", "OFF"),
    ] {
        // Some of these statements return the new value.
        connection
            .pragma_update_and_check(None, name, value, |_| Ok(()))
            .or_else(|error| match error {
                rusqlite::Error::QueryReturnedNoRows => Ok(()),
                error => Err(error),
            })
            .during(OPEN)?;
    }
    Ok(connection)
}

/// Moves the write-ahead log into the database and empties its file, which still holds the former
/// content of pages. Returns false if a reader or another process prevents it for now.
pub(crate) fn empty_log(writer: &Connection) -> bool {
    let emptied = || -> rusqlite::Result<bool> {
        // A checkpoint waits for readers, and writes would wait for it.
        writer.busy_timeout(CHECKPOINT_WAIT)?;
        let busy: i64 =
            writer.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))?;
        writer.busy_timeout(BUSY_TIMEOUT)?;
        Ok(busy == 0)
    };
    match emptied() {
        Ok(is_empty) => is_empty,
        Err(error) => {
            tracing::debug!(%error, "the write-ahead log was not emptied");
            false
        }
    }
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

/// Creates the file at `path` if it is missing, and makes it private to its owner.
///
/// It never opens the file at `path`: closing any descriptor of a file drops all locks of the
/// process on it, including those of SQLite's open connections (sqlite.org, "How To Corrupt An
/// SQLite Database File", section 2.2). A new file is created and closed under another name
/// before it gets its own.
fn make_private(path: &Path) -> io::Result<()> {
    let metadata = match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            make_new(path)?;
            fs::metadata(path)?
        }
        found => found?,
    };
    if metadata.permissions().mode() & 0o777 != MODE {
        fs::set_permissions(path, Permissions::from_mode(MODE))?;
    }
    Ok(())
}

/// Creates an empty file at `path`, unless another process does so first.
fn make_new(path: &Path) -> io::Result<()> {
    let temporary = temporary_name(path);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&temporary)?;
    // Closed before any process can open it by its own name.
    drop(file);
    let linked = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    fs::remove_file(&temporary)?;
    linked
}

/// Returns a name beside `path` that is unique across processes.
fn temporary_name(path: &Path) -> PathBuf {
    static OPENINGS: AtomicU64 = AtomicU64::new(0);
    let opening = OPENINGS.fetch_add(1, Ordering::Relaxed);
    let mut name = OsString::from(path);
    name.push(format!(".{}-{opening}.new", process::id()));
    name.into()
}
