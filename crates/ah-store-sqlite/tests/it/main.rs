//! The suite of the port, and the tests of SQLite itself.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod corruption;
mod crash;
mod file;
mod upgrade;

use std::path::PathBuf;
use std::sync::Arc;

use ah_store::Store;
use ah_store::suite::StoreHarness;
use ah_store_sqlite::SqliteStore;
use async_trait::async_trait;
use tempfile::TempDir;

/// A folder for the file of a store.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self) -> PathBuf {
        self.0.path().join("state.db")
    }
}

#[async_trait]
impl StoreHarness for Folder {
    async fn open(&self) -> Arc<dyn Store> {
        Arc::new(SqliteStore::open(&self.file()).await.unwrap())
    }
}

ah_store::store_suite!(Folder::new());
