//! What a request was replied, kept so that repeating the request does not repeat its work.

use ah_rest_api_contract::Timestamp;

/// The reply to a request that came with an idempotency key.
///
/// It is written in the transaction that does the request's work, so that there is one exactly
/// when there is the other. Of writes that carry replies of the same key one does its work; the
/// others do nothing and are [`StoreError::AlreadyReplied`](crate::StoreError::AlreadyReplied)
/// with the reply of the one, whatever else might have been wrong with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Names the request: principal, method, path and idempotency key, a line each.
    pub key: String,
    /// Tells the request's body from another one under the same key.
    pub fingerprint: String,
    /// The HTTP status.
    pub status: u16,
    /// The body; empty when there was none.
    pub body: String,
    /// From this moment on there is no such reply, and the key may be used anew.
    pub expires_at: Timestamp,
}
