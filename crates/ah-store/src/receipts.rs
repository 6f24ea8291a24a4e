//! Receipts of requests that have an idempotency key.

use ah_rest_api_contract::{Receipt, Timestamp};
use async_trait::async_trait;

use crate::StoreError;

/// The receipts.
///
/// A receipt is written in the transaction that does the work of the request, so that one exists
/// exactly if the other does. Of several writes that carry receipts of one key, one does its work.
/// The others do nothing and fail as [`StoreError::AlreadyDone`] with that receipt, even if they
/// would have failed for another reason. The bytes of a receipt are opaque to the store, which only
/// appends the session that a write returns.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Returns the receipt of this key, unless it has expired by `now`.
    async fn receipt(&self, key: &str, now: Timestamp) -> Result<Option<Receipt>, StoreError>;

    /// Keeps the receipt of a request that does no work, such as a refused one.
    async fn save_receipt(&self, receipt: Receipt, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes the receipts that have expired by `now`, and returns their number.
    async fn sweep_receipts(&self, now: Timestamp) -> Result<u64, StoreError>;
}
