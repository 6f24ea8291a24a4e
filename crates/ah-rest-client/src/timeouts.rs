//! How long a client waits for what.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::{Call, Patience};

/// How long a client waits for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// For a connection.
    pub(crate) connect: Duration,
    /// For the whole answer to one attempt, or the head of a stream's.
    pub(crate) answer: Duration,
    /// For the next byte of a stream.
    pub(crate) silence: Duration,
    /// For the answers of some operations, by their ids.
    pub(crate) operations: BTreeMap<&'static str, Duration>,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            answer: Duration::from_secs(30),
            silence: Duration::from_secs(45),
            operations: BTreeMap::new(),
        }
    }
}

impl Timeouts {
    /// How long one attempt at a call may take; `None` when its deadline is all there is.
    pub(crate) fn of(&self, call: &Call) -> Option<Duration> {
        let given = self.operations.get(call.operation().id).copied();
        given.or(match call.patience() {
            Patience::Usual => Some(self.answer),
            Patience::Long => None,
        })
    }
}
