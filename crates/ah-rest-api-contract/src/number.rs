//! Integers in JSON. JSON has one number type: `30` and `30.0` are equal, and encoders in other
//! languages write either form.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Unexpected, Visitor};
use serde::{Deserialize, Deserializer};

/// Deserializes an integer in either form.
pub(crate) fn whole<'de, D: Deserializer<'de>, N: TryFrom<u64>>(
    deserializer: D,
) -> Result<N, D::Error> {
    // Buffered input, such as the fields of a tagged enum, accepts both forms only with this
    // method.
    deserializer.deserialize_any(Whole(PhantomData))
}

/// Deserializes an optional integer, which may be absent or `null`.
pub(crate) fn whole_or_none<'de, D: Deserializer<'de>, N: TryFrom<u64>>(
    deserializer: D,
) -> Result<Option<N>, D::Error> {
    struct Number<N>(N);
    impl<'de, N: TryFrom<u64>> Deserialize<'de> for Number<N> {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            whole(deserializer).map(Self)
        }
    }
    Ok(Option::<Number<N>>::deserialize(deserializer)?.map(|number| number.0))
}

struct Whole<N>(PhantomData<N>);

impl<N: TryFrom<u64>> Visitor<'_> for Whole<N> {
    type Value = N;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bits = 8 * size_of::<N>();
        write!(f, "a whole number of at most {bits} bits")
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<N, E> {
        N::try_from(number).map_err(|_| E::invalid_value(Unexpected::Unsigned(number), &self))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<N, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::invalid_value(Unexpected::Signed(number), &self)),
        }
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<N, E> {
        // The largest `f64` below this bound is a valid `u64`; 2^64 itself is not.
        let is_whole = number.fract() == 0.0 && (0.0..u64::MAX as f64).contains(&number);
        if is_whole {
            self.visit_u64(number as u64)
        } else {
            Err(E::invalid_value(Unexpected::Float(number), &self))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize)]
    struct Number {
        #[serde(deserialize_with = "whole")]
        count: u32,
        #[serde(default, deserialize_with = "whole_or_none")]
        size: Option<u64>,
    }

    fn read(json: &str) -> Result<(u32, Option<u64>), String> {
        serde_json::from_str(json)
            .map(|number: Number| (number.count, number.size))
            .map_err(|error| error.to_string())
    }

    #[test]
    fn integers_are_accepted_in_any_notation() {
        assert_eq!(read(r#"{"count": 3}"#), Ok((3, None)));
        assert_eq!(read(r#"{"count": 3.0, "size": 2e3}"#), Ok((3, Some(2000))));
        assert_eq!(read(r#"{"count": -0.0, "size": null}"#), Ok((0, None)));
        let largest = r#"{"count": 4294967295, "size": 18446744073709551615}"#;
        assert_eq!(read(largest), Ok((u32::MAX, Some(u64::MAX))));
    }

    #[test]
    fn non_integers_and_out_of_range_numbers_are_rejected() {
        for json in [
            r#"{"count": 0.5}"#,
            r#"{"count": -1}"#,
            r#"{"count": -1.0}"#,
            r#"{"count": 4294967296}"#,
            r#"{"count": 1, "size": 18446744073709551616}"#,
            r#"{"count": 1, "size": 1e300}"#,
            r#"{"count": "1"}"#,
            r#"{"count": null}"#,
        ] {
            let message = read(json).unwrap_err();
            assert!(message.contains("a whole number of at most"), "{message}");
        }
    }
}
