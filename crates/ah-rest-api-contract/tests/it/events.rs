//! The vocabulary of events and what filters choose of it.

use std::collections::BTreeSet;

use ah_rest_api_contract::*;
use proptest::prelude::*;

use crate::strategies::{payload, text};

#[test]
fn every_word_names_one_event_and_is_its_type_on_the_wire() {
    let words: BTreeSet<&str> = EventType::ALL.iter().map(|kind| kind.as_str()).collect();
    assert_eq!(words.len(), EventType::ALL.len());
    for kind in EventType::ALL {
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
fn a_level_admits_what_matters_as_much_or_more() {
    let log = |level| {
        EventPayload::Log(Log {
            level,
            message: String::new(),
            tool_execution_id: None,
        })
    };
    let filter = EventFilter::default().with_level(LogLevel::Warn);
    assert!(filter.admits(&log(LogLevel::Error)));
    assert!(filter.admits(&log(LogLevel::Warn)));
    assert!(!filter.admits(&log(LogLevel::Info)));
    assert!(!filter.admits(&log(LogLevel::Trace)));
}

#[test]
fn a_total_of_usage_adds_counts_and_takes_the_present_from_the_turn() {
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
    }

    #[test]
    fn a_filter_admits_its_types_and_judges_the_level_of_log_lines_only(
        payload in payload(),
        types in prop::collection::btree_set(prop::sample::select(EventType::ALL), 0..6),
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
    fn only_known_words_are_event_types(word in text()) {
        let known = EventType::ALL.iter().any(|kind| kind.as_str() == word);
        prop_assert_eq!(EventType::from_word(&word).is_some(), known);
    }
}
