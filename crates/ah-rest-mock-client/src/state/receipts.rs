//! The receipts of requests that were carried out.

use std::collections::HashMap;

use ah_rest_api_contract::{AlreadyDone, Receipt, TaskManagerError, Timestamp};

/// The receipts by their keys.
#[derive(Debug, Default)]
pub(crate) struct Receipts(HashMap<String, Receipt>);

impl Receipts {
    /// The receipt of this key, unless it has expired.
    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<&Receipt> {
        self.0.get(key).filter(|receipt| receipt.expires_at > now)
    }

    /// Refuses a request whose key has a receipt.
    pub(crate) fn admit(&self, key: &str, now: Timestamp) -> Result<(), TaskManagerError> {
        match self.get(key, now) {
            Some(receipt) => Err(AlreadyDone::error(receipt.clone())),
            None => Ok(()),
        }
    }

    pub(crate) fn keep(&mut self, receipt: Receipt) {
        self.0.insert(receipt.key.clone(), receipt);
    }
}
