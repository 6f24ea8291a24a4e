//! What it comes to that a stream loses its connections: how long to wait, and when to say so.
//!
//! A server that is away is waited for without an end. But a stream that is there each time and
//! breaks off each time at the same place will not get better by itself: something cuts it, or what
//! comes next cannot be sent. Whoever reads it is told, after [`FRUITLESS_MAX`] tries.

/// The most connections in a row that bring nothing before the reader is told: 10. The waits
/// between them come to some 10 s, by the default of [`crate::RetryPolicy`].
pub(crate) const FRUITLESS_MAX: u32 = 10;

/// A connection that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Lost {
    /// Whether it brought the reader on.
    pub(crate) has_moved: bool,
    /// Whether it broke off inside of a frame.
    pub(crate) is_torn: bool,
    /// Whether it was lost as soon as it was made.
    pub(crate) is_brief: bool,
}

/// The losses of one stream since it last moved on.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    failures: u32,
    fruitless: u32,
}

impl Losses {
    /// How many tries in a row were of no use, which is what the wait for the next one grows with.
    pub(crate) const fn failures(&self) -> u32 {
        self.failures
    }

    /// Notes that a connection is tried; it is of no use until it proves to be of some.
    pub(crate) const fn tried(&mut self) {
        self.failures = self.failures.saturating_add(1);
    }

    /// Notes that a connection is lost. Returns whether there were too many like it in a row.
    pub(crate) fn lost(&mut self, lost: Lost) -> bool {
        if lost.has_moved {
            *self = Self::default();
            return false;
        }
        if !lost.is_brief {
            // One on which nothing happened for long was of use: there was nothing to tell.
            self.failures = 0;
        }
        self.fruitless = if lost.is_torn || lost.is_brief {
            self.fruitless + 1
        } else {
            0
        };
        self.fruitless >= FRUITLESS_MAX
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

    /// Which of the losses is one too many, by its number from 1.
    fn told(losses: impl IntoIterator<Item = Lost>) -> Option<usize> {
        let mut stream = Losses::default();
        losses
            .into_iter()
            .position(|lost| stream.lost(lost))
            .map(|index| index + 1)
    }

    #[test]
    fn what_breaks_off_at_one_place_is_told_at_the_tenth_time() {
        assert_eq!(told([TORN; 20]), Some(10));
        assert_eq!(told([BRIEF; 20]), Some(10));
        assert_eq!(told((0..20).map(|n| [TORN, BRIEF][n % 2])), Some(10));
    }

    #[test]
    fn what_moves_on_or_is_only_quiet_is_never_told() {
        let moved = Lost {
            has_moved: true,
            ..TORN
        };
        assert_eq!(told([QUIET; 1000]), None);
        assert_eq!(told([moved; 1000]), None);
        for interrupted in [QUIET, moved] {
            let nine_each = [TORN; 9]
                .into_iter()
                .chain([interrupted])
                .cycle()
                .take(1000);
            assert_eq!(told(nine_each), None);
        }
    }

    #[test]
    fn the_waits_grow_until_a_connection_was_of_use() {
        let mut losses = Losses::default();
        let mut failures = Vec::new();
        for lost in [BRIEF, BRIEF, QUIET, TORN] {
            losses.tried();
            losses.lost(lost);
            failures.push(losses.failures());
        }
        // A torn connection that lasted was of use for the pace of tries, not for their number.
        assert_eq!(failures, [1, 2, 0, 0]);
        // Nobody is there.
        losses.tried();
        losses.tried();
        assert_eq!(losses.failures(), 2);
    }
}
