use ah_rest_api_contract::ErrorKind;
use proptest::prelude::*;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

fn policy() -> RetryPolicy {
    RetryPolicy {
        first_delay: SECOND,
        delay_max: SECOND * 5,
        attempts_max: 4,
        deadline: SECOND * 60,
        connect_deadline: SECOND * 3,
    }
}

fn failure(cause: Cause) -> AttemptFailure {
    AttemptFailure {
        error: TaskManagerError::new(ErrorKind::Unavailable, "not now"),
        cause,
        retry_after: None,
    }
}

fn wait(cause: Cause, repeat: Repeat, elapsed: Duration) -> Option<Duration> {
    Attempts::new(&policy(), repeat).wait_after(&failure(cause), elapsed, u64::MAX)
}

proptest! {
    #[test]
    fn delays_are_random_below_a_doubling_bound(
        failures in 0..100_u32,
        chance: u64,
    ) {
        let policy = policy();
        let bound = match failures {
            0 => SECOND,
            1 => SECOND * 2,
            2 => SECOND * 4,
            _ => SECOND * 5,
        };
        prop_assert!(policy.delay(failures, chance) < bound);
        prop_assert_eq!(policy.delay(failures, 0), Duration::ZERO);
        prop_assert_eq!(policy.delay(failures, 1 << 63), bound / 2);
        prop_assert!(policy.delay(failures, u64::MAX) >= bound - Duration::from_nanos(1));
    }
}

#[test]
fn ambiguous_failures_are_retried_only_if_safe() {
    use Cause::{Broken, Busy, Fault, Final, NotConnected};
    use Repeat::{Never, Safe, Unsafe};
    for (cause, repeat, again) in [
        (NotConnected, Safe, true),
        (NotConnected, Unsafe, true),
        (NotConnected, Never, false),
        (Busy, Safe, true),
        (Busy, Unsafe, true),
        (Busy, Never, false),
        (Broken, Safe, true),
        (Broken, Unsafe, false),
        (Broken, Never, false),
        (Fault, Safe, false),
        (Final, Safe, false),
    ] {
        let waits = wait(cause, repeat, Duration::ZERO).is_some();
        assert_eq!(waits, again, "{cause:?} {repeat:?}");
    }
}

#[test]
fn attempts_are_limited() {
    let policy = policy();
    let mut attempts = Attempts::new(&policy, Repeat::Safe);
    let waits: Vec<_> = (0..5)
        .map(|_| attempts.wait_after(&failure(Cause::Busy), Duration::ZERO, 1 << 63))
        .collect();
    let after_three = [Some(SECOND / 2), Some(SECOND), Some(SECOND * 2), None, None];
    assert_eq!(waits, after_three);
}

#[test]
fn nothing_is_sent_after_the_deadline() {
    assert!(wait(Cause::Busy, Repeat::Safe, SECOND * 58).is_some());
    assert_eq!(wait(Cause::Busy, Repeat::Safe, SECOND * 60), None);
    assert!(wait(Cause::NotConnected, Repeat::Safe, SECOND).is_some());
    assert_eq!(wait(Cause::NotConnected, Repeat::Safe, SECOND * 3), None);
}

#[test]
fn retry_after_is_honoured_within_the_deadline() {
    let policy = policy();
    for (asked, waited) in [
        (0, Some(SECOND / 2)),
        (7, Some(SECOND * 15 / 2)),
        (60, None),
    ] {
        let failure = AttemptFailure {
            retry_after: Some(SECOND * asked),
            ..failure(Cause::Busy)
        };
        let mut attempts = Attempts::new(&policy, Repeat::Safe);
        assert_eq!(
            attempts.wait_after(&failure, Duration::ZERO, 1 << 63),
            waited
        );
    }
}

#[test]
fn reads_retry_after() {
    let now = parse_http_date("Sat, 21 Nov 2026 07:59:00 GMT").unwrap();
    let read = |asked: &str, date: Option<&str>| {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, asked.parse().unwrap());
        if let Some(date) = date {
            headers.insert(DATE, date.parse().unwrap());
        }
        retry_after(&headers, now)
    };
    let date = Some("Sat, 21 Nov 2026 08:00:00 GMT");
    assert_eq!(read("7", date), Some(SECOND * 7));
    assert_eq!(read(" 7 ", None), Some(SECOND * 7));
    // The three forms that RFC 9110 §5.6.7 requires recipients to accept.
    for asked in [
        "Sat, 21 Nov 2026 08:01:30 GMT",
        "Saturday, 21-Nov-26 08:01:30 GMT",
        "Sat Nov 21 08:01:30 2026",
    ] {
        assert_eq!(read(asked, date), Some(SECOND * 90), "{asked}");
        assert_eq!(read(asked, None), Some(SECOND * 150), "{asked}");
        assert_eq!(read(asked, Some("today")), Some(SECOND * 150), "{asked}");
    }
    assert_eq!(
        read("Sat, 21 Nov 2026 07:00:00 GMT", date),
        Some(Duration::ZERO)
    );
    assert_eq!(read("soon", date), None);
    assert_eq!(read("-1", date), None);
    assert_eq!(retry_after(&HeaderMap::new(), now), None);
}
