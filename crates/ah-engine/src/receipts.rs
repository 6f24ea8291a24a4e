//! Receipts, in the form in which the store has them.

use ah_rest_api_contract::{ErrorKind, Receipt, TaskManagerError};
use ah_store::Reply;

/// The stored form of a receipt.
pub(crate) fn write(receipt: Receipt) -> Result<Reply, TaskManagerError> {
    let body = String::from_utf8(receipt.bytes).map_err(|error| {
        TaskManagerError::new(ErrorKind::Internal, "a receipt is not UTF-8").caused_by(error)
    })?;
    Ok(Reply {
        key: receipt.key,
        fingerprint: receipt.fingerprint,
        status: 0,
        body,
        expires_at: receipt.expires_at,
    })
}

/// The receipt of a stored form.
pub(crate) fn read(reply: Reply) -> Receipt {
    Receipt {
        key: reply.key,
        fingerprint: reply.fingerprint,
        bytes: reply.body.into_bytes(),
        expires_at: reply.expires_at,
    }
}
