//! Generation of identifiers.

use std::sync::atomic::{AtomicU64, Ordering};

use ah_rest_api_contract::Timestamp;
use ulid::Ulid;

/// Generates ULIDs: 48 bits of time and 80 bits of randomness. The ULIDs of one source within a
/// millisecond sort in the order of generation.
#[derive(Debug)]
pub struct IdSource {
    /// A counter in the bits right below the time, which keeps the order.
    made: AtomicU64,
    chance: Chance,
}

#[derive(Debug)]
enum Chance {
    /// The randomness of the operating system.
    System,
    /// A fixed seed, which makes runs reproducible.
    Seeded(u64),
}

impl IdSource {
    /// Creates a source of unpredictable identifiers.
    #[must_use]
    pub const fn system() -> Self {
        Self {
            made: AtomicU64::new(0),
            chance: Chance::System,
        }
    }

    /// Creates a source of identifiers that depend on `seed` alone, for tests.
    #[must_use]
    pub const fn seeded(seed: u64) -> Self {
        Self {
            made: AtomicU64::new(0),
            chance: Chance::Seeded(seed),
        }
    }

    /// Generates an identifier.
    ///
    /// # Panics
    /// If the operating system has no randomness. No identifier is safe without it.
    pub fn next(&self, now: Timestamp) -> Ulid {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let low = match self.chance {
            // There is no safe fallback for the randomness of the operating system.
            Chance::System => getrandom::u64().expect("the operating system gives randomness"),
            Chance::Seeded(seed) => seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ count,
        };
        // 16 bits of the counter, then 64 bits of randomness.
        let random = (u128::from(count & 0xFFFF) << 64) | u128::from(low);
        let millis = u64::try_from(now.as_unix_millis()).unwrap_or(0);
        Ulid::from_parts(millis, random)
    }
}
