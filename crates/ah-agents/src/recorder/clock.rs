//! The recorder's clock and its source of new identifiers.

use std::io;

use ah_rest_api_contract::Timestamp;
use tokio::time::Instant;
use ulid::Ulid;

/// One moment by both clocks: the one that is written down and the one that timers go by.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Moment {
    /// By the wall clock.
    pub(crate) wall: Timestamp,
    /// By the clock that only goes forward.
    pub(crate) tick: Instant,
}

impl Moment {
    /// Now. The recorder stamps what an agent does, so it is the owner of a clock itself; nothing
    /// else in this crate reads one.
    #[expect(
        clippy::disallowed_methods,
        reason = "the recorder is the process whose clock stamps the journal"
    )]
    pub(crate) fn now() -> Self {
        let millis = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
            // A clock before 1970 is set wrongly; the journal's order does not depend on it.
            Err(_) => 0,
        };
        Self {
            wall: Timestamp::from_unix_millis(millis),
            tick: Instant::now(),
        }
    }
}

/// Makes new identifiers: 80 random bits drawn once, counted up from there, so that no two of this
/// process are alike and drawing can fail only at the start.
#[derive(Debug)]
pub(crate) struct Identifiers {
    random: u128,
}

impl Identifiers {
    pub(crate) fn from_system() -> io::Result<Self> {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).map_err(io::Error::other)?;
        Ok(Self {
            random: u128::from_le_bytes(bytes),
        })
    }

    /// A new identifier, made at `at`.
    pub(crate) fn fresh(&mut self, at: Timestamp) -> Ulid {
        const RANDOM_BITS: u128 = (1 << 80) - 1;
        self.random = self.random.wrapping_add(1);
        let millis = u64::try_from(at.as_unix_millis()).unwrap_or(0);
        Ulid::from_parts(millis, self.random & RANDOM_BITS)
    }

    #[cfg(test)]
    pub(crate) const fn counting() -> Self {
        Self { random: 0 }
    }
}
