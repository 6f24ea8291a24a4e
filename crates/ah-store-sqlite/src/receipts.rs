//! Receipts by idempotency key.

pub(crate) mod rows;

use ah_rest_api_contract::{Receipt, Timestamp};
use ah_store::{Receipts, StoreError};
use async_trait::async_trait;
use rusqlite::Connection;

use crate::statement::execute;
use crate::store::SqliteStore;

#[async_trait]
impl Receipts for SqliteStore {
    async fn receipt(&self, key: &str, now: Timestamp) -> Result<Option<Receipt>, StoreError> {
        self.direct
            .read("read a receipt", |connection| {
                rows::get(connection, key, now)
            })
            .await
    }

    async fn save_receipt(&self, receipt: Receipt, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .run("keep a receipt", move |tx| {
                rows::keep(tx, Some(&receipt), now)
            })
            .await
    }

    async fn sweep_receipts(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .run("delete expired receipts", move |tx| sweep(tx, now))
            .await
    }
}

/// Deletes the receipts that have expired by `now`, and returns their number.
fn sweep(connection: &Connection, now: Timestamp) -> Result<u64, StoreError> {
    let now = now.as_unix_millis();
    let deleted = execute!(
        connection,
        "delete expired receipts",
        "DELETE FROM receipts WHERE expires_at <= ?1",
        now
    )?;
    Ok(deleted as u64)
}
