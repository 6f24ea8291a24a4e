//! Receipts: the replies to requests that have an idempotency key.

use ah_rest_api_contract::Timestamp;
use async_trait::async_trait;

use crate::StoreError;

/// The reply to a request that has an idempotency key.
///
/// It is written in the transaction that does the work of the request, so that one exists exactly
/// if the other does. Of several writes that carry replies of one key, one does its work. The
/// others do nothing and fail as [`StoreError::AlreadyReplied`] with that reply, even if they
/// would have failed for another reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The name of the request: principal, method, path and idempotency key, one per line.
    pub key: String,
    /// A digest of the request's body.
    pub fingerprint: String,
    /// The HTTP status.
    pub status: u16,
    /// The body; empty if there was none.
    pub body: String,
    /// The time from which the reply is gone and the key can be used again.
    pub expires_at: Timestamp,
}

/// The replies.
#[async_trait]
pub trait Receipts: Send + Sync {
    /// Returns the reply of this key, unless it has expired by `now`.
    async fn reply(&self, key: &str, now: Timestamp) -> Result<Option<Reply>, StoreError>;

    /// Keeps the reply to a request that does no work, such as a refused one.
    async fn save_reply(&self, reply: Reply, now: Timestamp) -> Result<(), StoreError>;

    /// Deletes the replies that have expired by `now`, and returns their number.
    async fn sweep_replies(&self, now: Timestamp) -> Result<u64, StoreError>;
}
