//! The JSON of sessions and of their lists, kept until the next commit.
//!
//! `PRAGMA data_version` differs between two reads of one connection exactly if another connection
//! has committed in between, be it the writer of this process or that of another. It costs a
//! fraction of reading and encoding a session. Every look-up reads it first, so nothing that is
//! returned is older than the last commit before the call.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use ah_rest_api_contract::{EncodedJson, EncodedPage, SessionId, SessionQuery};
use ah_store::StoreError;
use rusqlite::Connection;

use crate::direct;
use crate::error::{During as _, closed};

/// The maximum size of the kept JSON in bytes.
const BYTES_MAX: usize = 8 * 1024 * 1024;
/// The maximum number of kept pages, which are searched one after the other.
const PAGES_MAX: usize = 32;

/// The cache.
pub(crate) struct EncodedSessions {
    path: PathBuf,
    /// Protects the cache and its connection. The lock is held for a look-up or an insertion.
    cache: Mutex<Cache>,
}

#[derive(Default)]
struct Cache {
    is_closed: bool,
    /// Opened by the first look-up.
    connection: Option<Connection>,
    /// The state of the store that everything below belongs to.
    state: StoreState,
    sessions: HashMap<SessionId, EncodedJson>,
    pages: Vec<(SessionQuery, EncodedPage)>,
    bytes: usize,
}

/// A state of the store: the number of the connection, and its data version. Versions of different
/// connections cannot be compared.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct StoreState {
    connection: u64,
    version: i64,
}

impl EncodedSessions {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self {
            path,
            cache: Mutex::default(),
        }
    }

    /// Returns the JSON of a session, from `read` if it is not kept.
    pub(crate) async fn session(
        &self,
        id: SessionId,
        read: impl AsyncFnOnce() -> Result<EncodedJson, StoreError>,
    ) -> Result<EncodedJson, StoreError> {
        let find = |cache: &Cache| cache.sessions.get(&id).cloned();
        let keep = |cache: &mut Cache, json: &EncodedJson| {
            cache.bytes += json.as_ref().len();
            cache.sessions.insert(id, json.clone());
        };
        self.get(find, read, keep).await
    }

    /// Returns the JSON of a page, from `read` if it is not kept.
    pub(crate) async fn page(
        &self,
        query: &SessionQuery,
        read: impl AsyncFnOnce() -> Result<EncodedPage, StoreError>,
    ) -> Result<EncodedPage, StoreError> {
        let find = |cache: &Cache| {
            let mut pages = cache.pages.iter();
            pages
                .find(|(kept, _)| kept == query)
                .map(|(_, page)| page.clone())
        };
        let keep = |cache: &mut Cache, page: &EncodedPage| {
            if cache.pages.len() < PAGES_MAX {
                cache.bytes += page.json.as_ref().len();
                cache.pages.push((query.clone(), page.clone()));
            }
        };
        self.get(find, read, keep).await
    }

    async fn get<T>(
        &self,
        find: impl Fn(&Cache) -> Option<T>,
        read: impl AsyncFnOnce() -> Result<T, StoreError>,
        keep: impl FnOnce(&mut Cache, &T),
    ) -> Result<T, StoreError> {
        let before = {
            let cache = self.current()?;
            if let Some(found) = find(&cache) {
                return Ok(found);
            }
            cache.state
        };
        let value = read().await?;
        let mut cache = self.current()?;
        // Without a commit since the look-up, the value is that of the current state.
        if cache.state == before && cache.bytes < BYTES_MAX && find(&cache).is_none() {
            keep(&mut cache, &value);
        }
        Ok(value)
    }

    /// Drops the connection. Later look-ups fail.
    pub(crate) fn close(&self) {
        *self.lock() = Cache {
            is_closed: true,
            ..Cache::default()
        };
    }

    /// Returns the cache without what is older than the last commit.
    fn current(&self) -> Result<MutexGuard<'_, Cache>, StoreError> {
        let mut cache = self.lock();
        cache.refresh(&self.path)?;
        Ok(cache)
    }

    fn lock(&self) -> MutexGuard<'_, Cache> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cache {
    fn refresh(&mut self, path: &Path) -> Result<(), StoreError> {
        if self.is_closed {
            return Err(closed());
        }
        let mut state = self.state;
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => {
                state.connection += 1;
                direct::open(path)?
            }
        };
        // A connection that fails is replaced by the next look-up.
        state.version = data_version(&connection)?;
        self.connection = Some(connection);
        if state != self.state {
            self.sessions.clear();
            self.pages.clear();
            self.bytes = 0;
            self.state = state;
        }
        Ok(())
    }
}

fn data_version(connection: &Connection) -> Result<i64, StoreError> {
    const CHECK: &str = "check for commits";
    connection
        .prepare_cached("PRAGMA data_version")
        .during(CHECK)?
        .query_row([], |row| row.get(0))
        .during(CHECK)
}
