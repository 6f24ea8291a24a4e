//! The identifiers and the time of answers.

use std::sync::atomic::{AtomicU64, Ordering};

/// The creation time of every answer, in seconds since 1970.
pub(super) const CREATED: u64 = 1_780_000_000;

/// Identifiers of one answer, unique within the server.
#[derive(Debug, Default)]
pub(crate) struct Ids(AtomicU64);

impl Ids {
    pub(crate) fn next(&self, prefix: &str) -> String {
        format!("{prefix}{:024x}", self.0.fetch_add(1, Ordering::Relaxed))
    }
}
