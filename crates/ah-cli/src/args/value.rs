//! Parsers for structured option values.

use std::time::Duration;

use ah_rest_api_contract::Timestamp;

/// The contract's maximum session timeout.
const DURATION_MAX: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Parses a duration such as `90s`, `30m` or `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parts(text, DURATION_MAX)
}

/// Parses a duration of at most `most`.
fn parts(text: &str, most: Duration) -> Result<Duration, String> {
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
    if total > most {
        return Err("the maximum is 7d".to_owned());
    }
    Ok(total)
}

/// A time on the command line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TimeArg {
    /// This long ago.
    Ago(Duration),
    /// A point in time.
    At(Timestamp),
}

impl TimeArg {
    /// Returns the point in time, as of `now`.
    pub(crate) fn at(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(moment) => moment,
            Self::Ago(duration) => {
                let millis = i64::try_from(duration.as_millis()).unwrap_or(i64::MAX);
                Timestamp::from_unix_millis(now.as_unix_millis().saturating_sub(millis))
            }
        }
    }
}

/// Parses a time: a duration before now, a date, or a date with a time in RFC 3339.
pub(super) fn moment(text: &str) -> Result<TimeArg, String> {
    const EXPECTED: &str = "expected a duration such as 2h, a date such as 2026-01-31, or a time \
                            such as 2026-01-31T12:00:00Z";
    if let Ok(duration) = parts(text, Duration::MAX) {
        return Ok(TimeArg::Ago(duration));
    }
    let is_date = text.len() == 10 && !text.contains('T');
    let whole = if is_date {
        format!("{text}T00:00:00Z")
    } else {
        text.to_owned()
    };
    whole
        .parse()
        .map(TimeArg::At)
        .map_err(|_| EXPECTED.to_owned())
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
    fn moment_is_a_duration_a_date_or_a_time() {
        let now: Timestamp = "2026-01-31T12:00:00Z".parse().expect("is a time");
        let at = |text: &str| moment(text).map(|moment| moment.at(now).to_string());
        assert_eq!(at("2h"), Ok("2026-01-31T10:00:00.000Z".to_owned()));
        assert_eq!(at("30d"), Ok("2026-01-01T12:00:00.000Z".to_owned()));
        assert_eq!(at("2026-01-30"), Ok("2026-01-30T00:00:00.000Z".to_owned()));
        let exact = "2026-01-30T01:02:03.000Z";
        assert_eq!(at(exact), Ok(exact.to_owned()));
        for bad in ["yesterday", "2026-13-01", "", "5"] {
            assert!(moment(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn labels_are_split_at_the_first_equals_sign() {
        assert_eq!(label("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(label("a").is_err());
        assert!(label("=b").is_err());
    }
}
