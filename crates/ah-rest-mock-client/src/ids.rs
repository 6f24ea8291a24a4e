//! Deterministic ids and probabilities.

use ah_rest_api_contract::Timestamp;
use ulid::Ulid;

/// Generates ULIDs and random decisions from a seed.
#[derive(Clone, Debug)]
pub(crate) struct Ids {
    /// A counter in the bits below the timestamp, so that ids sort in order of creation.
    made: u64,
    state: u64,
}

impl Ids {
    pub(crate) const fn seeded(seed: u64) -> Self {
        Self {
            made: 0,
            state: seed,
        }
    }

    pub(crate) fn next(&mut self, now: Timestamp) -> Ulid {
        self.made += 1;
        let millis = u64::try_from(now.as_unix_millis()).unwrap_or(0);
        let random = (u128::from(self.made & 0xFFFF) << 64) | u128::from(self.draw());
        Ulid::from_parts(millis, random)
    }

    /// Returns true with this probability.
    pub(crate) fn happens(&mut self, probability: f64) -> bool {
        // A fraction between 0 and 1 holds 53 bits.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let drawn = (self.draw() >> 11) as f64 / (1u64 << 53) as f64;
        drawn < probability
    }

    /// The generator `SplitMix64` (Steele, Lea and Flood, 2014).
    const fn draw(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }
}
