//! Conversion of receipts to and from their stored form.

use ah_rest_api_contract::{ErrorKind, Receipt, TaskManagerError};
use ah_store::Reply;

/// Converts a receipt to its stored form.
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

/// Converts a stored reply to a receipt.
pub(crate) fn read(reply: Reply) -> Receipt {
    Receipt {
        key: reply.key,
        fingerprint: reply.fingerprint,
        bytes: reply.body.into_bytes(),
        expires_at: reply.expires_at,
    }
}
