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
use sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, SqlitePool};
use tokio::time::{Instant, sleep};

use crate::error::{During as _, backend, is_busy};

/// How long a connection waits for the lock of another process.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before trying again what SQLite does not wait for itself.
const BUSY_PAUSE: Duration = Duration::from_millis(10);
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
///
/// Switching a new file to the write-ahead log fails at once, whatever the busy timeout is, where
/// waiting for another connection could be a deadlock. So it is tried again until that timeout has
/// passed; the last try may wait as long once more.
pub(crate) async fn writer(path: &Path) -> Result<SqliteConnection, StoreError> {
    let writing = file(path)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("journal_size_limit", JOURNAL_BYTES)
        .thread_name(|_| "ah-store-writer".to_owned());
    let deadline = Instant::now() + BUSY_TIMEOUT;
    loop {
        match SqliteConnection::connect_with(&writing).await {
            Err(error) if is_busy(&error) && Instant::now() < deadline => sleep(BUSY_PAUSE).await,
            connected => return connected.during("open its file"),
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

/// Makes the file at `path` if there is none, and its owner's alone.
///
/// It never opens the file at `path`: closing any descriptor of a file drops all locks that the
/// process has on it, those of SQLite's open connections too (sqlite.org, "How To Corrupt An
/// SQLite Database File", section 2.2). A new file is made and closed under another name before
/// it gets its own.
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

/// Makes an empty file at `path`, unless somebody else does so first.
fn make_new(path: &Path) -> io::Result<()> {
    let temporary = temporary_name(path);
    let file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(MODE)
        .open(&temporary)?;
    // Closed before anybody can have it open by its own name.
    drop(file);
    let linked = match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        linked => linked,
    };
    fs::remove_file(&temporary)?;
    linked
}

/// A name beside `path` that no other opening uses, of this process or another.
fn temporary_name(path: &Path) -> PathBuf {
    static OPENINGS: AtomicU64 = AtomicU64::new(0);
    let opening = OPENINGS.fetch_add(1, Ordering::Relaxed);
    let mut name = OsString::from(path);
    name.push(format!(".{}-{opening}.new", process::id()));
    name.into()
}
