//! Tests of event types and filters.

use std::collections::BTreeSet;

use ah_rest_api_contract::*;
use proptest::prelude::*;
use serde_json::json;

use crate::strategies::{payload, session_event, text, unknown_event};

#[test]
fn event_type_names_are_unique_and_used_on_the_wire() {
    let words: BTreeSet<&str> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), EventType::ALL.len());
    for kind in &EventType::ALL {
        assert_eq!(EventType::from_word(kind.as_str()), Some(*kind));
        assert_eq!(
            serde_json::to_value(kind).expect("a word"),
            kind.as_str(),
            "the word and the JSON of {kind}"
        );
    }
    for name in EphemeralEvent::NAMES.iter().chain(&["gap", "pty", ""]) {
        assert_eq!(EventType::from_word(name), None, "{name}");
    }
}

#[test]
fn malformed_known_event_is_an_error() {
    for json in [
        r#"{"type":"progress","progress":1}"#,
        r#"{"type":"status","status":7}"#,
        r#"{"type":7}"#,
        "{}",
    ] {
        assert!(
            serde_json::from_str::<EventPayload>(json).is_err(),
            "{json}"
        );
    }
    assert!(UnknownEvent::new("status", serde_json::Map::new()).is_none());
}

#[test]
fn unknown_words_are_deserialized_as_unknown() {
    let json = r#"{"type":"status","status":"hibernating","previous":"running"}"#;
    let payload: EventPayload = serde_json::from_str(json).expect("an event");
    let EventPayload::Status(change) = payload else {
        panic!("a status event");
    };
    assert_eq!(change.status, SessionStatus::Unknown);
    assert_eq!(change.previous, Some(SessionStatus::Running));
    assert!(!change.status.is_terminal());
    assert_eq!(SessionStatus::from_word("unknown"), None);
    assert!(!SessionStatus::ALL.contains(&SessionStatus::Unknown));
}

#[test]
fn log_level_includes_more_severe_levels() {
    let log = |level| EventPayload::Log(Log::new(level, String::new()));
    let filter = EventFilter::default().with_level(LogLevel::Warn);
    assert!(filter.admits(&log(LogLevel::Error)));
    assert!(filter.admits(&log(LogLevel::Warn)));
    assert!(!filter.admits(&log(LogLevel::Info)));
    assert!(!filter.admits(&log(LogLevel::Trace)));
}

#[test]
fn usage_total_adds_counts_and_keeps_the_latest_gauges() {
    let turn = |input, cached, used| Usage {
        input_tokens: input,
        cached_tokens: cached,
        context_used: used,
        ..Usage::default()
    };
    let total = turn(u64::MAX - 1, None, Some(5)).with_turn(&turn(7, Some(3), None));
    assert_eq!(total, turn(u64::MAX, Some(3), Some(5)));
    let total = total.with_turn(&turn(0, Some(1), Some(9)));
    assert_eq!(total, turn(u64::MAX, Some(4), Some(9)));
}

proptest! {
    #[test]
    fn the_type_in_json_is_the_event_type(payload in payload()) {
        let json = serde_json::to_value(&payload).expect("JSON");
        prop_assert_eq!(&json["type"], payload.event_type().as_str());
        prop_assert_eq!(payload.type_name(), payload.event_type().as_str());
    }

    #[test]
    fn filter_selects_types_and_applies_levels_to_logs_only(
        payload in payload(),
        types in prop::collection::btree_set(prop::sample::select(&EventType::ALL[..]), 0..6),
        level in prop::option::of(prop::sample::select(vec![LogLevel::Error, LogLevel::Info, LogLevel::Trace])),
    ) {
        let mut filter = EventFilter::default().with_types(types.iter().copied());
        if let Some(level) = level {
            filter = filter.with_level(level);
        }
        let of_type = types.is_empty() || types.contains(&payload.event_type());
        let of_level = match (&payload, level) {
            (EventPayload::Log(log), Some(level)) => log.level <= level,
            _ => true,
        };
        prop_assert_eq!(filter.admits(&payload), of_type && of_level);
        prop_assert!(EventFilter::default().admits(&payload));
        prop_assert!(!filter.wants_ephemeral() && filter.with_ephemeral().wants_ephemeral());
    }

    #[test]
    fn unknown_event_round_trips_with_its_fields(event in unknown_event()) {
        let json = serde_json::to_string(&event).expect("JSON");
        let back: SessionEvent = serde_json::from_str(&json).expect("any event can be read");
        prop_assert_eq!(&back, &event, "{}", json);
        prop_assert_eq!(back.payload.event_type(), EventType::Unknown);
        let page = Page { items: vec![event], total: 1, next_page: None };
        let json = serde_json::to_string(&page).expect("JSON");
        let back: Page<SessionEvent> = serde_json::from_str(&json).expect("a page");
        prop_assert_eq!(back, page);
    }

    #[test]
    fn a_summary_is_one_line(event in session_event(), other in unknown_event()) {
        for event in [event, other] {
            let summary = event.payload.summary();
            prop_assert_eq!(summary.lines().count().max(1), 1, "{:?}", summary);
            prop_assert_eq!(summary.trim(), &summary);
        }
    }

    #[test]
    fn only_known_words_are_event_types(word in text()) {
        let known = EventType::ALL.iter().any(|kind| kind.as_str() == word);
        prop_assert_eq!(EventType::from_word(&word).is_some(), known);
    }
}

/// A block of a kind that this version does not know, or a known one of another form, does not
/// make the rest of a message or of a session unreadable.
#[test]
fn unknown_content_is_read_in_responses() {
    let blocks = json!([
        {"type": "text", "text": "look"},
        {"type": "video", "uri": "https://example.com/a.mp4"},
        {"type": "audio", "stream": true},
    ]);
    let expected = [
        ContentBlock::text("look"),
        ContentBlock::Unknown,
        ContentBlock::Unknown,
    ];
    let event = json!({
        "type": "message", "role": "assistant", "content": blocks,
        "message_id": "msg-01JZAAAAAAAAAAAAAAAAAAAAA1",
    });
    let EventPayload::Message(message) = serde_json::from_value(event).unwrap() else {
        panic!("it is a message");
    };
    assert_eq!(message.content, expected);
    assert!(
        message
            .text()
            .starts_with("look\n[content of an unknown kind]")
    );

    let mut session = serde_json::to_value(crate::shapes::session()).unwrap();
    session["promptBlocks"] = blocks.clone();
    let session: Session = serde_json::from_value(session).unwrap();
    assert_eq!(session.prompt_blocks.blocks(), expected);

    // A request with such a block is refused.
    serde_json::from_value::<PromptContent>(blocks).unwrap_err();
}
