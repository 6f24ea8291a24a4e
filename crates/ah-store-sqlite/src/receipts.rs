//! Receipts by idempotency key.

pub(crate) mod rows;

use ah_rest_api_contract::{Receipt, Timestamp};
use ah_store::{Receipts, StoreError};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::error::During as _;
use crate::observe::operation;
use crate::store::SqliteStore;

#[async_trait]
impl Receipts for SqliteStore {
    async fn receipt(&self, key: &str, now: Timestamp) -> Result<Option<Receipt>, StoreError> {
        operation("read a receipt", async {
            rows::get(&mut *self.reader().await?, key, now).await
        })
        .await
    }

    async fn save_receipt(&self, receipt: Receipt, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .run("keep a receipt", move |tx| {
                Box::pin(async move { rows::keep(tx, Some(&receipt), now).await })
            })
            .await
    }

    async fn sweep_receipts(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer
            .run("delete expired receipts", move |tx| {
                Box::pin(sweep(tx, now))
            })
            .await
    }
}

/// Deletes the receipts that have expired by `now`, and returns their number.
async fn sweep(connection: &mut SqliteConnection, now: Timestamp) -> Result<u64, StoreError> {
    let now = now.as_unix_millis();
    let done = sqlx::query!("DELETE FROM receipts WHERE expires_at <= $1", now)
        .execute(connection)
        .await
        .during("delete expired receipts")?;
    Ok(done.rows_affected())
}
