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
            get(&mut *self.reader().await?, key, now).await
        })
        .await
    }

    async fn save_receipt(&self, receipt: Receipt, now: Timestamp) -> Result<(), StoreError> {
        self.writer
            .run("keep a receipt", move |tx| {
                Box::pin(async move { keep(tx, Some(&receipt), now).await })
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

/// Returns the receipt with this key, unless it has expired by `now`.
async fn get(
    connection: &mut SqliteConnection,
    key: &str,
    now: Timestamp,
) -> Result<Option<Receipt>, StoreError> {
    let found = rows::find(connection, &[key]).await?;
    Ok(found.into_iter().find(|receipt| rows::holds(receipt, now)))
}

/// Keeps a receipt, if one is given. Fails if the key has a receipt. The caller runs it
/// in the transaction of the request's work.
pub(crate) async fn keep(
    connection: &mut SqliteConnection,
    receipt: Option<&Receipt>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(receipt) = receipt else {
        return Ok(());
    };
    match get(connection, &receipt.key, now).await? {
        Some(earlier) => Err(StoreError::AlreadyDone(Box::new(earlier))),
        None => rows::put(connection, &[receipt]).await,
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
