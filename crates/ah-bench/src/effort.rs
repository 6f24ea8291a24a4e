//! The amount of measurement, and its progress.

use std::time::Duration;

/// The amount of measurement.
#[derive(Clone, Copy)]
pub(crate) struct Effort {
    /// The number of rounds of subject and baseline.
    pub(crate) rounds: usize,
    /// The duration of a round of each.
    pub(crate) round: Duration,
    /// The number of stored sessions.
    pub(crate) sessions: usize,
    /// The number of readers in measurements with many readers.
    pub(crate) readers: usize,
}

impl Effort {
    /// Returns true for a smoke test, whose figures mean nothing.
    pub(crate) const fn is_quick(self) -> bool {
        self.rounds == 1
    }
}

/// Prints the current measurement.
pub(crate) fn progress(what: &str, round: usize, effort: Effort) {
    eprintln!("{what}: round {round} of {}", effort.rounds);
}
