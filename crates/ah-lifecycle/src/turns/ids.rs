//! New identifiers of a conversation's messages and permission requests.

use ah_rest_api_contract::Timestamp;
use ulid::Ulid;

/// A source of identifiers that counts upwards from a seed.
///
/// Two sources of one process, or two recorders, must not share a seed.
#[derive(Clone, Debug)]
pub struct Identifiers {
    random: u128,
}

impl Identifiers {
    /// Counts upwards from `seed`, of which the lower 80 bits are used.
    #[must_use]
    pub const fn seeded(seed: u128) -> Self {
        Self { random: seed }
    }

    /// Returns a new identifier, dated `at`.
    pub(super) fn next(&mut self, at: Timestamp) -> Ulid {
        const RANDOM_BITS: u128 = (1 << 80) - 1;
        self.random = self.random.wrapping_add(1);
        let millis = u64::try_from(at.as_unix_millis()).unwrap_or(0);
        Ulid::from_parts(millis, self.random & RANDOM_BITS)
    }
}
