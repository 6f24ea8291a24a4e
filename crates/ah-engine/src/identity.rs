//! New identifiers.

use std::sync::atomic::{AtomicU64, Ordering};

use ah_rest_api_contract::Timestamp;
use ulid::Ulid;

/// Makes ULIDs: 48 bits of the moment they are made at, 80 bits of chance. Those made by one
/// source within a millisecond sort in the order they were made.
#[derive(Debug)]
pub struct IdSource {
    /// Counts up in the bits right below the moment, so that order is kept.
    made: AtomicU64,
    chance: Chance,
}

#[derive(Debug)]
enum Chance {
    /// The operating system's.
    System,
    /// A fixed seed, which makes every run the same.
    Seeded(u64),
}

impl IdSource {
    /// Identifiers that nobody can foretell.
    #[must_use]
    pub const fn system() -> Self {
        Self {
            made: AtomicU64::new(0),
            chance: Chance::System,
        }
    }

    /// Identifiers that depend on `seed` alone, for tests.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self {
            made: AtomicU64::new(0),
            chance: Chance::Seeded(seed),
        }
    }

    /// A new one.
    ///
    /// # Panics
    /// When the operating system has no randomness to give, without which no identifier is safe.
    pub fn next(&self, now: Timestamp) -> Ulid {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let low = match self.chance {
            // A system without randomness cannot make identifiers at all; there is no lesser way.
            Chance::System => getrandom::u64().expect("the operating system gives randomness"),
            Chance::Seeded(seed) => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ count,
        };
        // 16 bits of the count, then 64 bits of chance.
        let random = (u128::from(count & 0xFFFF) << 64) | u128::from(low);
        let millis = u64::try_from(now.as_unix_millis()).unwrap_or(0);
        Ulid::from_parts(millis, random)
    }
}
