//! Tests of keys, roles, health, and the small requests.

use std::collections::BTreeMap;

use ah_rest_api_contract::*;
use proptest::prelude::*;
use serde_json::json;

use crate::strategies::{text, ulid};

#[test]
fn an_idempotency_key_has_the_form_of_a_ulid() {
    for good in ["01ARZ3NDEKTSV4RRFFQ69G5FAV", "ZZZZZZZZZZZZZZZZZZZZZZZZZZ"] {
        assert_eq!(
            good.parse::<IdempotencyKey>().expect("a key").as_str(),
            good
        );
    }
    for bad in [
        "",
        "01ARZ3NDEKTSV4RRFFQ69G5FA",
        "01ARZ3NDEKTSV4RRFFQ69G5FAVX",
        "01arz3ndektsv4rrffq69g5fav",
        "01ARZ3NDEKTSV4RRFFQ69G5FA-",
        "ÄÄÄÄÄÄÄÄÄÄÄÄÄ",
    ] {
        assert_eq!(
            bad.parse::<IdempotencyKey>(),
            Err(InvalidIdempotencyKey),
            "{bad}"
        );
    }
}

#[test]
fn roles_include_all_lesser_roles() {
    assert!(Role::Admin.includes(Role::Operator) && Role::Operator.includes(Role::Viewer));
    assert!(!Role::Viewer.includes(Role::Operator) && !Role::Operator.includes(Role::Admin));
    for role in Role::ALL {
        assert!(role.includes(role));
        assert_eq!(Role::from_word(role.as_str()), Some(role));
        assert_eq!(serde_json::to_value(role).expect("a word"), role.as_str());
    }
    assert_eq!(Role::from_word("Admin"), None);
}

#[test]
fn an_access_point_file_contains_its_key_which_debug_redacts() {
    let file = AccessPointFile {
        url: "http://127.0.0.1:3001".parse().expect("a URL"),
        api_key: Some(ApiKeyText::new("ah_1_secret")),
        pid: 7,
        version: "0.1.0".to_owned(),
    };
    let shown = format!("{file:?} {file:#?}");
    assert!(
        shown.contains("[redacted]") && !shown.contains("secret"),
        "{shown}"
    );
    let json = serde_json::to_value(&file).expect("JSON");
    assert_eq!(
        json,
        json!({"url": "http://127.0.0.1:3001", "apiKey": "ah_1_secret", "pid": 7, "version": "0.1.0"})
    );
    assert_eq!(
        serde_json::from_value::<AccessPointFile>(json).expect("read"),
        file
    );
    let open: AccessPointFile =
        serde_json::from_value(json!({"url": "http://[::1]:1/", "pid": 7, "version": "1"}))
            .expect("a server without authentication");
    assert_eq!(open.api_key, None);
}

#[test]
fn deep_health_is_the_status_of_its_worst_check() {
    let check = |status| HealthCheck::new(status, 1);
    let mut checks = BTreeMap::from([("store".to_owned(), check(CheckStatus::Ok))]);
    let now = Timestamp::from_unix_millis(0);
    assert_eq!(DeepHealth::of(checks.clone(), now).status, HealthStatus::Ok);
    checks.insert("executor".to_owned(), check(CheckStatus::Failed));
    let health = DeepHealth::of(checks, now);
    assert_eq!(
        serde_json::to_value(&health).expect("JSON"),
        json!({
            "status": "degraded",
            "timestamp": "1970-01-01T00:00:00.000Z",
            "checks": {
                "executor": {"status": "failed", "durationMs": 1},
                "store": {"status": "ok", "durationMs": 1},
            }
        })
    );
}

#[test]
fn stop_reason_is_neither_blank_nor_too_long() {
    let stop = |reason: &str| {
        StopRequest {
            reason: Some(reason.to_owned()),
        }
        .validated()
    };
    assert!(StopRequest::default().validated().is_ok());
    assert!(stop(&"ü".repeat(REASON_CHARS_MAX)).is_ok());
    for bad in [String::new(), "x".repeat(REASON_CHARS_MAX + 1)] {
        let errors = stop(&bad).expect_err("out of range");
        assert_eq!(errors.get("reason").len(), 1);
    }
    let unknown = serde_json::from_value::<StopRequest>(json!({"why": "x"}));
    assert!(unknown.expect_err("unknown").to_string().contains("`why`"));
}

#[test]
fn resume_accepts_the_same_content_as_a_prompt() {
    let resume = |prompt: PromptContent| {
        ResumeRequest {
            prompt: Some(prompt),
        }
        .validated()
    };
    assert!(ResumeRequest::default().validated().is_ok());
    assert!(resume("Go on".into()).is_ok());
    let empty = resume(" ".into()).expect_err("says nothing");
    assert_eq!(empty.kind(), ErrorKind::Validation);
    let large = resume("x".repeat(PROMPT_BYTES_MAX + 1).into()).expect_err("too large");
    assert_eq!(large.kind(), ErrorKind::PayloadTooLarge);
}

proptest! {
    #[test]
    fn keys_and_cursors_round_trip(id in ulid(), position: u64, word in text()) {
        let key = IdempotencyKey::from_ulid(id);
        prop_assert_eq!(key.to_string().parse(), Ok(key.clone()));
        let json = serde_json::to_value(&key).expect("JSON");
        prop_assert_eq!(serde_json::from_value::<IdempotencyKey>(json).expect("read"), key);
        let cursor = LogCursor::new(position);
        prop_assert_eq!(cursor.to_string().parse(), Ok(cursor));
        if let Ok(read) = word.parse::<LogCursor>() {
            prop_assert_eq!(read.to_string(), word);
        }
    }
}

#[test]
fn cursor_of_many_sessions_has_one_spelling() {
    for good in ["log-0", "log-7", "log-999999999999999999"] {
        assert_eq!(good.parse::<LogCursor>().expect(good).to_string(), good);
    }
    assert_eq!("log-0".parse(), Ok(LogCursor::START));
    assert_eq!("log-999999999999999999".parse(), Ok(LogCursor::MAX));
    for bad in [
        "",
        "7",
        "log-",
        "log-07",
        "log-+7",
        "log-1000000000000000000",
        "Log-7",
    ] {
        assert!(bad.parse::<LogCursor>().is_err(), "{bad}");
    }
}
