//! The store: its connections and tasks, opening and closing.

use std::path::Path;
use std::sync::Arc;

use ah_store::{Store, StoreError};
use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};

use crate::direct::Direct;
use crate::encoded::EncodedSessions;
use crate::error::{During as _, backend};
use crate::open::{self, Connections};
use crate::place::Place;
use crate::verify;
use crate::watch::{self, Poller, Watchers};
use crate::writer::Writer;

/// A store in one SQLite file.
///
/// Any number of processes may open the same file. [`Store::close`] commits the writes in progress.
/// A write that has returned is durable without it.
pub struct SqliteStore {
    pub(crate) writer: Writer,
    readers: SqlitePool,
    pub(crate) direct: Direct,
    pub(crate) encoded: EncodedSessions,
    pub(crate) watchers: Arc<Watchers>,
    poller: Poller,
    place: Place,
}

impl SqliteStore {
    /// Opens the file at `path` and migrates it to the newest schema. A missing file is created,
    /// readable by its owner only; a missing folder is not.
    ///
    /// # Errors
    /// The file cannot be created or read, belongs to a newer version, or stays locked for more
    /// than ten seconds.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let Connections {
            writer,
            readers,
            mut poller,
        } = open::open(path).await?;
        let place = Place::of(path).map_err(|error| backend("examine its file", error))?;
        let head = watch::store_head(&mut poller).await?;
        let watchers = Arc::new(Watchers::new(head));
        Ok(Self {
            poller: Poller::start(poller, Arc::clone(&watchers)),
            writer: Writer::start(path.to_owned(), writer, Arc::clone(&watchers))?,
            readers,
            direct: Direct::new(path.to_owned()),
            encoded: EncodedSessions::new(path.to_owned()),
            watchers,
            place,
        })
    }

    /// Waits for a free reading connection, at most ten seconds.
    pub(crate) async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.during("get a connection")
    }
}

impl Drop for SqliteStore {
    /// Ends the tasks: the poller at once, the writer after the jobs in its queue.
    fn drop(&mut self) {
        self.watchers.close();
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn close(&self) {
        self.watchers.close();
        self.poller.ended().await;
        self.readers.close().await;
        self.direct.close().await;
        self.encoded.close();
        // The last connection to close checkpoints the write-ahead log, which a read-only one
        // cannot do.
        self.writer.close().await;
    }

    fn lost(&self) -> Option<String> {
        self.place.lost()
    }

    async fn verify(&self) -> Result<&'static str, StoreError> {
        verify::verify(self.place.store()).await
    }
}
