//! The handling of lost connections: the delay before the next one, and the limit.
//!
//! A reader waits indefinitely for a server that is unreachable. A stream that repeatedly connects
//! and then breaks at the same position will not recover by itself, because a proxy cuts it or the
//! next event cannot be sent. After [`CONNECTIONS_WITHOUT_PROGRESS_MAX`] attempts the reader
//! reports an error.

/// The maximum number of consecutive connections without progress: 10. With the default
/// [`crate::RetryPolicy`], the delays between them add up to about 10 s.
pub(crate) const CONNECTIONS_WITHOUT_PROGRESS_MAX: u32 = 10;

/// A lost connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    /// True if it made progress.
    pub(crate) has_moved: bool,
    /// True if it broke inside a frame.
    pub(crate) is_torn: bool,
    /// True if it was lost immediately.
    pub(crate) is_brief: bool,
}

/// The losses of a stream since its last progress.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    failures: u32,
    without_progress: u32,
}

impl Losses {
    /// Returns the number of consecutive useless attempts, which determines the next delay.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Records an attempt, which counts as useless until it proves otherwise.
    pub(crate) const fn tried(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Records a lost connection, and returns true if the limit is exceeded.
    pub(crate) fn lost(&mut self, lost: Lost) -> bool {
        if lost.has_moved {
            *self = Self::default();
            return false;
        }
        if !lost.is_brief {
            // A long quiet connection was useful: there were no events.
            self.failures = 0;
        }
        self.without_progress = if lost.is_torn || lost.is_brief {
            self.without_progress + 1
        } else {
            0
        };
        self.without_progress >= CONNECTIONS_WITHOUT_PROGRESS_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Lost = Lost {
        has_moved: false,
        is_torn: false,
        is_brief: false,
    };
    const TORN: Lost = Lost {
        is_torn: true,
        ..QUIET
    };
    const BRIEF: Lost = Lost {
        is_brief: true,
        ..QUIET
    };

    /// Returns the number of the loss that exceeds the limit, from 1.
    fn failing_attempt(losses: impl IntoIterator<Item = Lost>) -> Option<usize> {
        let mut stream = Losses::default();
        losses
            .into_iter()
            .position(|lost| stream.lost(lost))
            .map(|index| index + 1)
    }

    #[test]
    fn ten_losses_without_progress_are_an_error() {
        assert_eq!(failing_attempt([TORN; 20]), Some(10));
        assert_eq!(failing_attempt([BRIEF; 20]), Some(10));
        assert_eq!(
            failing_attempt((0..20).map(|n| [TORN, BRIEF][n % 2])),
            Some(10)
        );
    }

    #[test]
    fn progress_and_quiet_connections_are_no_error() {
        let moved = Lost {
            has_moved: true,
            ..TORN
        };
        assert_eq!(failing_attempt([QUIET; 1000]), None);
        assert_eq!(failing_attempt([moved; 1000]), None);
        for interrupted in [QUIET, moved] {
            let nine_each = [TORN; 9]
                .into_iter()
                .chain([interrupted])
                .cycle()
                .take(1000);
            assert_eq!(failing_attempt(nine_each), None);
        }
    }

    #[test]
    fn delays_grow_until_a_connection_is_useful() {
        let mut losses = Losses::default();
        let mut failures = Vec::new();
        for lost in [BRIEF, BRIEF, QUIET, TORN] {
            losses.tried();
            losses.lost(lost);
            failures.push(losses.failures());
        }
        // A torn connection that lasted counts as useful for the delays, but not for the limit.
        assert_eq!(failures, [1, 2, 0, 0]);
        // The server is unreachable.
        losses.tried();
        losses.tried();
        assert_eq!(losses.failures(), 2);
    }
}
