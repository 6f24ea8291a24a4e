//! Looking up and writing receipts within a transaction.

use ah_rest_api_contract::{Receipt, Timestamp};
use ah_store::StoreError;
use rusqlite::Connection;

use crate::rows::ReceiptRow;
use crate::statement::{execute, select};

/// Returns the receipt with this key, expired or not.
pub(crate) fn find(connection: &Connection, key: &str) -> Result<Option<Receipt>, StoreError> {
    let found = select!(
        connection,
        "look for a receipt",
        |row| Ok(ReceiptRow {
            key: row.get(0)?,
            fingerprint: row.get(1)?,
            bytes: row.get(2)?,
            expires_at: row.get(3)?,
        }),
        "SELECT key, fingerprint, bytes, expires_at FROM receipts WHERE key = ?1",
        key
    )?;
    found
        .into_iter()
        .next()
        .map(ReceiptRow::into_receipt)
        .transpose()
}

/// Returns true if the receipt has not expired by `now`.
pub(crate) fn holds(receipt: &Receipt, now: Timestamp) -> bool {
    receipt.expires_at > now
}

/// Writes a receipt, and replaces an expired one. The caller has checked that no other one holds.
pub(crate) fn put(connection: &Connection, receipt: &Receipt) -> Result<(), StoreError> {
    let expires_at = receipt.expires_at.as_unix_millis();
    execute!(
        connection,
        "keep a receipt",
        "INSERT OR REPLACE INTO receipts (key, fingerprint, bytes, expires_at)
         VALUES (?1, ?2, ?3, ?4)",
        receipt.key,
        receipt.fingerprint,
        receipt.bytes,
        expires_at
    )
    .map(drop)
}

/// Returns the receipt with this key, unless it has expired by `now`.
pub(crate) fn get(
    connection: &Connection,
    key: &str,
    now: Timestamp,
) -> Result<Option<Receipt>, StoreError> {
    Ok(find(connection, key)?.filter(|receipt| holds(receipt, now)))
}

/// Keeps a receipt, if one is given. Fails if the key has a receipt. The caller runs it
/// in the transaction of the request's work.
pub(crate) fn keep(
    connection: &Connection,
    receipt: Option<&Receipt>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(receipt) = receipt else {
        return Ok(());
    };
    match get(connection, &receipt.key, now)? {
        Some(earlier) => Err(StoreError::AlreadyDone(Box::new(earlier))),
        None => put(connection, receipt),
    }
}
