//! Tests of identifiers and timestamps: each value has one text form.

use ah_rest_api_contract::*;
use proptest::prelude::*;
use ulid::Ulid;

use crate::strategies::{seq, text, timestamp, ulid};

#[test]
fn only_canonical_ids_are_parsed() {
    let good = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    assert_eq!(
        good.parse::<SessionId>().expect("canonical").to_string(),
        good
    );
    for bad in [
        "",
        "01arz3ndektsv4rrffq69g5fav",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV0",
        " 01ARZ3NDEKTSV4RRFFQ69G5FAV",
        "01ARZ3NDEKTSV4RRFFQ69G5FAV\n",
        "01ARZ3NDEKTSV4RRFFQ69G5FAU",
        "O1ARZ3NDEKTSV4RRFFQ69G5FAV",
        "8ZZZZZZZZZZZZZZZZZZZZZZZZZ",
        "01ARZ3NDEKTSV4RRFFQ69G5FÀ",
    ] {
        let error = bad.parse::<SessionId>().expect_err(bad);
        assert!(error.to_string().contains("is not a session id"), "{error}");
    }
    let draft = format!("draft-{good}");
    assert_eq!(
        draft.parse::<DraftId>().expect("prefixed").to_string(),
        draft
    );
    for bad in [
        good.to_owned(),
        format!("msg-{good}"),
        format!("Draft-{good}"),
    ] {
        assert!(bad.parse::<DraftId>().is_err(), "{bad}");
    }
    assert_eq!(
        "x".parse::<DraftId>().expect_err("no id").to_string(),
        "`x` is not a draft id: expected `draft-` and the 26 characters of a ULID"
    );
}

#[test]
fn errors_quote_only_the_start_of_rejected_input() {
    let long = "x".repeat(1_000_000);
    assert!(long.parse::<TaskId>().expect_err("no id").to_string().len() < 200);
    assert!(
        long.parse::<Timestamp>()
            .expect_err("no time")
            .to_string()
            .len()
            < 200
    );
    assert!(
        long.parse::<EventSeq>()
            .expect_err("no place")
            .to_string()
            .len()
            < 200
    );
}

#[test]
fn event_numbers_are_integers_that_a_store_can_hold() {
    for (text, place) in [("0", 0), ("7", 7), ("9223372036854775807", i64::MAX as u64)] {
        assert_eq!(text.parse::<EventSeq>().expect(text), EventSeq::new(place));
    }
    for bad in [
        "",
        "-1",
        "+1",
        "01",
        " 1",
        "1.0",
        "1e3",
        "9223372036854775808",
    ] {
        assert!(bad.parse::<EventSeq>().is_err(), "{bad}");
    }
    assert!(serde_json::from_str::<EventSeq>("9223372036854775808").is_err());
    assert!(serde_json::from_str::<EventSeq>("-1").is_err());
    assert!(serde_json::from_str::<EventSeq>("\"1\"").is_err());
    assert_eq!(EventSeq::new(u64::MAX), EventSeq::MAX);
    assert_eq!(EventSeq::MAX.next(), EventSeq::MAX);
    assert_eq!(EventSeq::START.next().get(), 1);
}

#[test]
fn timestamps_are_parsed_with_any_offset_and_formatted_in_utc() {
    for (text, written) in [
        ("2026-01-31T12:00:00Z", "2026-01-31T12:00:00.000Z"),
        ("2026-01-31T12:00:00+02:00", "2026-01-31T10:00:00.000Z"),
        ("2026-01-31T23:30:00-01:30", "2026-02-01T01:00:00.000Z"),
        ("2026-01-31T12:00:00.1239Z", "2026-01-31T12:00:00.123Z"),
        ("1969-12-31T23:59:59.9999Z", "1969-12-31T23:59:59.999Z"),
        ("2024-02-29T00:00:00Z", "2024-02-29T00:00:00.000Z"),
        ("0000-01-01T00:00:00Z", "0000-01-01T00:00:00.000Z"),
    ] {
        assert_eq!(text.parse::<Timestamp>().expect(text).to_string(), written);
    }
    for bad in [
        "",
        "2026-01-31",
        "2026-01-31T12:00:00",
        "2026-02-29T12:00:00Z",
        "2026-01-31T24:00:00Z",
        "2026-1-31T12:00:00Z",
        "+12026-01-31T12:00:00Z",
        // Their offsets move them out of the four-digit years.
        "9999-12-31T23:59:59-01:00",
        "0000-01-01T00:00:00+01:00",
        "1769860800000",
    ] {
        assert!(bad.parse::<Timestamp>().is_err(), "{bad}");
    }
}

proptest! {
    #[test]
    fn ids_round_trip_and_sort_like_their_text(a in ulid(), b in ulid()) {
        let (a, b) = (SessionId::from_ulid(a), SessionId::from_ulid(b));
        prop_assert_eq!(a.to_string().parse::<SessionId>(), Ok(a));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        let draft = DraftId::from_ulid(a.ulid());
        prop_assert_eq!(draft.to_string().parse::<DraftId>(), Ok(draft));
    }

    #[test]
    fn ids_are_parsed_from_their_own_text_only(text in "[0-9A-Za-z]{26}") {
        if let Ok(id) = text.parse::<SessionId>() {
            prop_assert_eq!(id.to_string(), text);
        } else {
            let canonical = Ulid::from_string(&text).map(|id| id.to_string());
            prop_assert_ne!(canonical.ok(), Some(text));
        }
    }

    #[test]
    fn event_numbers_round_trip(seq in seq()) {
        prop_assert_eq!(seq.to_string().parse::<EventSeq>(), Ok(seq));
    }

    #[test]
    fn timestamps_round_trip_and_sort_like_their_text(a in timestamp(), b in timestamp()) {
        prop_assert_eq!(a.to_string().parse::<Timestamp>(), Ok(a));
        prop_assert_eq!(a.cmp(&b), a.to_string().cmp(&b.to_string()));
        let (early, late) = (a.min(b), a.max(b));
        prop_assert_eq!(early.plus(late.since(early)), late);
        prop_assert!(early.since(late).is_zero());
    }

    #[test]
    fn milliseconds_are_clamped_to_the_valid_range(millis: i64, by: u64) {
        let moment = Timestamp::from_unix_millis(millis);
        prop_assert!((Timestamp::MIN..=Timestamp::MAX).contains(&moment));
        let later = moment.plus(std::time::Duration::from_millis(by));
        prop_assert!((moment..=Timestamp::MAX).contains(&later));
    }

    #[test]
    fn timestamps_convert_to_system_times_and_back(millis: i64) {
        let moment = Timestamp::from_unix_millis(millis);
        prop_assert_eq!(Timestamp::from(std::time::SystemTime::from(moment)), moment);
    }

    #[test]
    fn parsing_a_timestamp_never_panics(text in text()) {
        if let Ok(moment) = text.parse::<Timestamp>() {
            prop_assert_eq!(moment.to_string().parse::<Timestamp>(), Ok(moment));
        }
    }
}
