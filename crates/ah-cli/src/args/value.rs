//! Parsers for structured option values.

use std::time::Duration;

/// The contract's maximum session timeout.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Parses a duration such as `90s`, `30m` or `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected a number and a unit, such as 90s, 30m or 1h30m";
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or(EXPECTED)?;
        let number: u64 = rest[..digits].parse().map_err(|_| EXPECTED)?;
        let unit = &rest[digits..];
        let letters = unit
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(unit.len());
        let millis: u64 = match &unit[..letters] {
            "ms" => 1,
            "s" => 1000,
            "m" => 60 * 1000,
            "h" => 60 * 60 * 1000,
            "d" => 24 * 60 * 60 * 1000,
            _ => return Err(EXPECTED.to_owned()),
        };
        let part = Duration::from_millis(number.checked_mul(millis).ok_or("is too long")?);
        total = total.checked_add(part).ok_or("is too long")?;
        rest = &unit[letters..];
    }
    if total.is_zero() {
        return Err(EXPECTED.to_owned());
    }
    if total > DURATION_MAX {
        return Err("the maximum is 7d".to_owned());
    }
    Ok(total)
}

/// Parses `KEY=VALUE`.
pub(super) fn label(text: &str) -> Result<(String, String), String> {
    text.split_once('=')
        .filter(|(key, _)| !key.is_empty())
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .ok_or_else(|| "expected a name and a value, such as team=payments".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_add_their_parts_up() {
        assert_eq!(duration("90s"), Ok(Duration::from_secs(90)));
        assert_eq!(duration("1h30m"), Ok(Duration::from_secs(5400)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("7d"), Ok(DURATION_MAX));
        for bad in [
            "",
            "0s",
            "8d",
            "30",
            "m",
            "1y",
            "1.5h",
            "99999999999999999d",
        ] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_are_split_at_the_first_equals_sign() {
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("a").is_err());
        assert!(label("=b").is_err());
    }
}
