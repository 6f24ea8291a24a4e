//! Looking up and writing receipts within a transaction.

use ah_rest_api_contract::{Receipt, Timestamp};
use ah_store::StoreError;
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::error::During as _;
use crate::rows::{ReceiptRow, json_text};

/// Key, fingerprint, bytes in hexadecimal, and expiry: the JSON array that SQLite reads.
#[derive(Serialize)]
struct Row<'a>(&'a str, &'a str, String, i64);

/// Returns the receipts with one of `keys`, expired or not.
pub(crate) async fn find(
    connection: &mut SqliteConnection,
    keys: &[&str],
) -> Result<Vec<Receipt>, StoreError> {
    let keys = json_text(keys)?;
    sqlx::query_as!(
        ReceiptRow,
        "SELECT key, fingerprint, bytes, expires_at FROM receipts
         WHERE key IN (SELECT value FROM json_each($1))",
        keys
    )
    .fetch_all(connection)
    .await
    .during("look for receipts")?
    .into_iter()
    .map(ReceiptRow::into_receipt)
    .collect()
}

/// Returns true if the receipt has not expired by `now`.
pub(crate) fn holds(receipt: &Receipt, now: Timestamp) -> bool {
    receipt.expires_at > now
}

/// Writes receipts, and replaces expired ones. The caller has checked that no other receipt holds.
pub(crate) async fn put(
    connection: &mut SqliteConnection,
    receipts: &[&Receipt],
) -> Result<(), StoreError> {
    let rows: Vec<Row<'_>> = receipts
        .iter()
        .map(|receipt| {
            Row(
                &receipt.key,
                &receipt.fingerprint,
                hex::encode(&receipt.bytes),
                receipt.expires_at.as_unix_millis(),
            )
        })
        .collect();
    let rows = json_text(&rows)?;
    sqlx::query!(
        "INSERT OR REPLACE INTO receipts (key, fingerprint, bytes, expires_at)
         SELECT value ->> 0, value ->> 1, unhex(value ->> 2), value ->> 3
         FROM json_each($1)",
        rows
    )
    .execute(connection)
    .await
    .during("keep receipts")?;
    Ok(())
}

/// Returns the receipt with this key, unless it has expired by `now`.
pub(crate) async fn get(
    connection: &mut SqliteConnection,
    key: &str,
    now: Timestamp,
) -> Result<Option<Receipt>, StoreError> {
    let found = find(connection, &[key]).await?;
    Ok(found.into_iter().find(|receipt| holds(receipt, now)))
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
        None => put(connection, &[receipt]).await,
    }
}
