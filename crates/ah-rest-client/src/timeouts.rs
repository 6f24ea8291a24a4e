//! The timeouts of a client.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::call::{ApiCall, Patience};

/// The timeouts of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Timeouts {
    /// For opening a connection.
    pub(crate) connect: Duration,
    /// For the whole response to an attempt, or the head of a stream.
    pub(crate) answer: Duration,
    /// For the next byte of a stream.
    pub(crate) silence: Duration,
    /// For individual operations, by id.
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
    /// Returns the time limit of an attempt; `None` if only the deadline applies.
    pub(crate) fn of(&self, call: &ApiCall) -> Option<Duration> {
        let given = self.operations.get(call.operation().id).copied();
        given.or(match call.patience() {
            Patience::Usual => Some(self.answer),
            Patience::Long => None,
        })
    }
}
