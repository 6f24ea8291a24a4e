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
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{AssertSqlSafe, ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
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
/// The size in bytes to which the write-ahead log is truncated after a checkpoint.
const JOURNAL_BYTES: &str = "67108864";
/// The mode of the file, which holds the environment of agents, secrets included. SQLite gives the
/// files beside it the same mode.
const MODE: u32 = 0o600;

/// The connections of a store.
pub(crate) struct Connections {
    pub(crate) writer: SqliteConnection,
    pub(crate) readers: SqlitePool,
    /// For polling for commits of other processes.
    pub(crate) poller: SqliteConnection,
}

/// Opens the file at `path`, creates it if it is missing, and migrates it to the newest schema.
pub(crate) async fn open(path: &Path) -> Result<Connections, StoreError> {
    make_private(path).map_err(|error| backend("create its file", error))?;
    let mut writer = writer(path).await?;
    ah_store_sqlite_schema::migrate(&mut writer)
        .await
        .map_err(|error| backend("migrate its file to the newest schema", error))?;
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
    Ok(Connections {
        writer,
        readers,
        poller,
    })
}

/// Opens a writing connection to the file at `path`, which exists.
///
/// Switching a new file to the write-ahead log ignores the busy timeout and fails at once where
/// waiting for another connection could be a deadlock. Therefore it is retried until that timeout
/// has passed. The last attempt may wait for the same time once more.
pub(crate) async fn writer(path: &Path) -> Result<SqliteConnection, StoreError> {
    let writing = file(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", JOURNAL_BYTES)
        // What is deleted or erased is overwritten with zeros.
        .pragma("secure_delete", "ON")
        .thread_name(|_| "ah-store-writer".to_owned());
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match SqliteConnection::connect_with(&writing).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(BUSY_PAUSE).await,
            connected => return connected.during("open its file"),
        }
    }
}

/// Moves the write-ahead log into the database and empties its file, which still holds the former
/// content of pages. Returns false if a reader or another process prevents it for now.
pub(crate) async fn empty_log(writer: &mut SqliteConnection) -> bool {
    let emptied = async {
        // A checkpoint waits for readers, and writes would wait for it.
        let brief = format!("PRAGMA busy_timeout = {}", CHECKPOINT_WAIT.as_millis());
        sqlx::raw_sql(AssertSqlSafe(brief))
            .execute(&mut *writer)
            .await?;
        let busy: i64 = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)")
            .fetch_one(&mut *writer)
            .await?;
        let usual = format!("PRAGMA busy_timeout = {}", BUSY_TIMEOUT.as_millis());
        sqlx::raw_sql(AssertSqlSafe(usual))
            .execute(&mut *writer)
            .await?;
        Ok::<_, sqlx::Error>(busy == 0)
    };
    match emptied.await {
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
