//! The speed of a scenario.

use std::time::Duration;

/// A factor out of range.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[error("`{0}` is not a scenario speed: expected a number above 0 and at most 1000")]
pub struct InvalidSpeed(f64);

/// The factor on every delay of a scenario: 1 plays it as written, 0.1 ten times as fast. The
/// minimum of 0.01 prevents a busy loop.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Speed(f64);

impl Speed {
    /// The minimum factor, which is the highest speed.
    pub const MIN: Self = Self(0.01);

    /// Creates a speed from a factor above 0 and at most 1000. Factors below 0.01 are raised to
    /// 0.01.
    ///
    /// # Errors
    /// The factor is 0, negative, over 1000 or not a number.
    pub fn new(factor: f64) -> Result<Self, InvalidSpeed> {
        if factor > 0.0 && factor <= 1000.0 {
            Ok(Self(factor.max(Self::MIN.0)))
        } else {
            Err(InvalidSpeed(factor))
        }
    }

    /// Scales a delay of the scenario.
    #[must_use]
    pub fn scale(self, delay: Duration) -> Duration {
        delay.mul_f64(self.0)
    }
}

impl Default for Speed {
    /// The speed of the scenario as written.
    fn default() -> Self {
        Self(1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_are_scaled_and_never_zero() {
        let second = Duration::from_secs(1);
        assert_eq!(Speed::default().scale(second), second);
        assert_eq!(Speed::new(0.5).unwrap().scale(second), second / 2);
        assert_eq!(Speed::new(0.000_1).unwrap().scale(second), second / 100);
        for factor in [0.0, -1.0, f64::NAN, f64::INFINITY, 1001.0] {
            assert!(Speed::new(factor).is_err(), "{factor}");
        }
    }
}
