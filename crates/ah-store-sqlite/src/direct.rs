//! Connections whose reads run in the task of the caller.
//!
//! sqlx runs every statement in a thread of its connection. The two hand-overs, and a third when
//! the connection returns to its pool, cost several times the read itself. The reads of this
//! module are therefore made with `rusqlite`, over the SQLite that sqlx links
//! (docs/decisions/0025). Each of them is bounded: by a key, a limit, or [`ah_store::READ_BYTES`].
//! A read whose cost grows with what is stored belongs to sqlx and its threads.

mod claims;
mod log;
mod queue;
mod sessions;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ah_store::StoreError;
use rusqlite::{Connection, OpenFlags};
use tokio::sync::Semaphore;

use crate::error::{During as _, closed, unavailable};
use crate::observe::operation;

pub(crate) use log::Bounds;
pub(crate) use sessions::{is_unfiltered, session};

/// The number of connections.
const CONNECTIONS: u32 = 4;
/// The longest wait for a free connection.
const WAIT_MAX: Duration = Duration::from_secs(10);
/// The longest wait for a lock, which readers of a write-ahead log need only while another process
/// recovers it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The connections. They are opened when they are first needed.
pub(crate) struct Direct {
    path: PathBuf,
    /// One permit per connection.
    permits: Semaphore,
    /// The open connections that no read uses. The lock is held for a push or a pop.
    idle: Mutex<Vec<Connection>>,
}

impl Direct {
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self {
            path,
            permits: Semaphore::const_new(CONNECTIONS as usize),
            idle: Mutex::new(Vec::new()),
        }
    }

    /// Calls `read` with a free connection.
    pub(crate) async fn read<T>(
        &self,
        what: &'static str,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        operation(what, async {
            let _permit = match tokio::time::timeout(WAIT_MAX, self.permits.acquire()).await {
                Ok(permit) => permit.map_err(|_| closed())?,
                Err(_) => return Err(unavailable("no connection became free in time")),
            };
            let idle = self.idle().pop();
            let connection = match idle {
                Some(connection) => connection,
                None => open(&self.path)?,
            };
            let result = read(&connection);
            // A connection that failed is not used again.
            if !matches!(
                result,
                Err(StoreError::Backend { .. } | StoreError::Unavailable { .. })
            ) {
                self.idle().push(connection);
            }
            result
        })
        .await
    }

    /// Waits for the reads in progress, and closes the connections. Later reads fail.
    pub(crate) async fn close(&self) {
        // Fails if they are closed already.
        if let Ok(all) = self.permits.acquire_many(CONNECTIONS).await {
            self.permits.close();
            self.idle().clear();
            drop(all);
        }
    }

    fn idle(&self) -> MutexGuard<'_, Vec<Connection>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Opens a read-only connection to the file at `path`.
pub(crate) fn open(path: &Path) -> Result<Connection, StoreError> {
    const OPEN: &str = "open its file";
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags).during(OPEN)?;
    connection.busy_timeout(BUSY_TIMEOUT).during(OPEN)?;
    connection
        .pragma_update(None, "trusted_schema", "OFF")
        .during(OPEN)?;
    Ok(connection)
}

/// Calls `read` in a transaction, so that its statements see the same state.
fn snapshot<T>(
    connection: &Connection,
    read: impl FnOnce() -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    const READ: &str = "read a snapshot";
    let run = |sql| {
        let mut statement = connection.prepare_cached(sql).during(READ)?;
        statement.execute([]).during(READ)
    };
    run("BEGIN")?;
    let result = read();
    // The transaction has written nothing, so its end cannot fail for a reason of its own. An error
    // takes the connection out of use.
    run("COMMIT")?;
    result
}
