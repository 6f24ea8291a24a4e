//! Reading the log of one session.

use ah_rest_api_contract::{
    EventFilter, EventPayload, EventQuery, EventSeq, EventType, LogLevel, PageRequest,
    SessionEvent, SessionId, SortOrder,
};

use crate::suite::{StoreHarness, sample};
use crate::{Guard, LogPosition, NewEvent, READ_BYTES, SessionWrite, Store};

async fn append(store: &dyn Store, session: SessionId, events: Vec<NewEvent>) {
    let mut write = SessionWrite::new(session, Guard::default(), sample::at(1));
    write.events = events;
    store.write(write).await.unwrap();
}

/// A cursor excludes its event, a limit bounds the result, and the end is empty.
pub async fn events_come_after_a_cursor(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    for index in 0..9 {
        for id in &ids {
            let payload = sample::thought(&index.to_string());
            append(&*store, *id, vec![sample::event(index, payload)]).await;
        }
    }
    let places = async |after: u64, limit: u32| -> Vec<u64> {
        let rows = store.events_after(ids[1], EventSeq::new(after), limit);
        let rows = rows.await.unwrap();
        rows.iter().map(|row| row.seq.get()).collect()
    };
    assert_eq!(places(0, 3).await, [1, 2, 3]);
    assert_eq!(places(3, 3).await, [4, 5, 6]);
    assert_eq!(places(8, 100).await, [9, 10]);
    assert_eq!(places(9, u32::MAX).await, [10]);
    assert!(places(10, 1).await.is_empty());
    assert!(places(i64::MAX as u64, 1).await.is_empty());
    // A limit of 0 returns an event, since an empty result means the end of the log.
    assert_eq!(places(0, 0).await, [1]);
}

/// A read stops at a size, but always returns an event, and reads continue where one stopped.
pub async fn a_read_is_bounded_in_bytes(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let sizes = [
        100,
        READ_BYTES / 2,
        READ_BYTES / 2,
        3 * READ_BYTES,
        100,
        100,
    ];
    for size in sizes {
        let payload = sample::thought(&"x".repeat(size));
        append(&*store, id, vec![sample::event(1, payload)]).await;
    }
    let mut cursor = EventSeq::default();
    let mut reads = Vec::new();
    loop {
        let rows = store.events_after(id, cursor, 100).await.unwrap();
        let Some(last) = rows.last() else { break };
        cursor = last.seq;
        let whole = rows.iter().map(|row| row.json.len()).sum::<usize>();
        assert!(
            whole - last.json.len() < READ_BYTES,
            "{whole} bytes at once"
        );
        reads.push(rows.len());
    }
    // The first event is the status of the new session.
    assert_eq!(reads, [4, 1, 2]);
    let mut position = LogPosition::START;
    let mut all = 0;
    loop {
        let rows = store.all_events_after(position, 100).await.unwrap();
        let Some(last) = rows.last() else { break };
        position = last.position;
        let whole = rows.iter().map(|row| row.json.len()).sum::<usize>();
        assert!(
            whole - last.json.len() < READ_BYTES,
            "{whole} bytes at once"
        );
        all += rows.len();
    }
    assert_eq!(all, 1 + sizes.len());
}

/// The stored text is the wire form of the contract and decodes to the same event.
pub async fn the_stored_text_is_the_wire_form(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let session_id = sample::one_session(&*store).await;
    let payloads = [
        sample::thought("\"quoted\" \\ \u{0} \u{1f} \u{2028} ü 🦀 \n"),
        sample::thought(""),
        sample::log(LogLevel::Error, &"long ".repeat(20_000)),
        sample::tool_use("1e3"),
        sample::file_edit("null"),
    ];
    let events = payloads
        .iter()
        .enumerate()
        .map(|(index, payload)| sample::event(index as i64, payload.clone()))
        .collect();
    append(&*store, session_id, events).await;
    let rows = store.events_after(session_id, EventSeq::new(1), 10).await;
    let rows = rows.unwrap();
    assert_eq!(rows.len(), payloads.len());
    for (index, (row, payload)) in rows.iter().zip(payloads).enumerate() {
        let event = SessionEvent::new(
            EventSeq::new(index as u64 + 2),
            sample::at(index as i64),
            session_id,
            payload,
        );
        assert_eq!(row.seq, event.seq);
        assert_eq!(row.json, serde_json::to_string(&event).unwrap());
    }
}

/// Writes the history for the cases below. The number and the second of an event are equal, from 2
/// to 25.
async fn history(store: &dyn Store) -> (SessionId, Vec<SessionEvent>) {
    let ids = sample::sessions(store, 2).await;
    let mut events = Vec::new();
    for index in 2..26_i64 {
        let payload = match index % 6 {
            0 => sample::thought("hm"),
            1 => sample::tool_use("t"),
            2 => sample::log(LogLevel::Error, "bad"),
            3 => sample::log(LogLevel::Info, "so"),
            4 => sample::log(LogLevel::Trace, "dull"),
            _ => sample::file_edit("f"),
        };
        events.push(sample::event(index, payload));
    }
    append(store, ids[0], events).await;
    append(
        store,
        ids[1],
        vec![sample::event(3, sample::thought("else"))],
    )
    .await;
    let rows = store.events_after(ids[0], EventSeq::START, 100).await;
    let rows = rows.unwrap();
    let events = rows.iter();
    let events = events.map(|row| serde_json::from_str(&row.json).unwrap());
    (ids[0], events.collect())
}

/// Returns the events that `query` matches, over all its pages.
fn expected(events: &[SessionEvent], query: &EventQuery) -> Vec<SessionEvent> {
    let mut found: Vec<_> = events
        .iter()
        .filter(|event| query.filter.admits(&event.payload))
        .filter(|event| query.after.is_none_or(|after| event.seq > after))
        .filter(|event| query.before.is_none_or(|before| event.seq < before))
        .filter(|event| query.since.is_none_or(|since| event.ts >= since))
        .filter(|event| query.until.is_none_or(|until| event.ts < until))
        .cloned()
        .collect();
    if query.sort == SortOrder::Desc {
        found.reverse();
    }
    found
}

/// Reads every page of `query` and compares each with the expected result.
async fn check(store: &dyn Store, id: SessionId, events: &[SessionEvent], query: &EventQuery) {
    let expected = expected(events, query);
    for per_page in [3, 7, 200] {
        let mut found = Vec::new();
        let mut next = Some(1);
        while let Some(page) = next {
            let mut query = query.clone();
            query.page = PageRequest::new(page, per_page).unwrap();
            let page = store.list_events(id, &query).await.unwrap();
            assert_eq!(page.total, expected.len() as u64, "{query:?}");
            assert!(page.items.len() <= per_page as usize, "{query:?}");
            found.extend(page.items);
            next = page.next_page;
        }
        assert_eq!(found, expected, "{query:?}");
    }
}

/// Types and levels filter events. A level applies to log lines only.
pub async fn history_is_filtered_and_paged(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let (id, events) = history(&*store).await;
    let some = [EventType::Log, EventType::Thought];
    let filters = [
        EventFilter::default(),
        EventFilter::default().with_types([EventType::Thought]),
        EventFilter::default().with_types([EventType::Diff]),
        EventFilter::default().with_level(LogLevel::Error),
        EventFilter::default().with_level(LogLevel::Debug),
        EventFilter::default()
            .with_types(some)
            .with_level(LogLevel::Info),
    ];
    for filter in filters {
        for sort in [SortOrder::Asc, SortOrder::Desc] {
            let query = EventQuery {
                filter: filter.clone(),
                sort,
                ..EventQuery::default()
            };
            check(&*store, id, &events, &query).await;
        }
    }
    // A page after the last is empty and has the total.
    let query = EventQuery {
        page: PageRequest::new(9, 200).unwrap(),
        ..EventQuery::default()
    };
    let page = store.list_events(id, &query).await.unwrap();
    assert_eq!((page.items.len(), page.total), (0, events.len() as u64));
}

/// A page stops at a size, but always has an event, and the rest comes after its last one.
pub async fn a_page_is_bounded_in_bytes(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    for size in [READ_BYTES / 2, READ_BYTES / 2, 3 * READ_BYTES, 100, 100] {
        let payload = sample::thought(&"x".repeat(size));
        append(&*store, id, vec![sample::event(1, payload)]).await;
    }
    let thoughts = EventFilter::default().with_types([EventType::Thought]);
    for (filter, first) in [(EventFilter::default(), 1), (thoughts, 2)] {
        for sort in [SortOrder::Asc, SortOrder::Desc] {
            let mut query = EventQuery {
                filter: filter.clone(),
                sort,
                ..EventQuery::default()
            };
            let mut pages: Vec<Vec<u64>> = Vec::new();
            let mut left = 7 - first;
            while left > 0 {
                let page = store.list_events(id, &query).await.unwrap();
                assert_eq!(page.total, left, "{query:?}");
                let last = page.items.last().map(|event| event.seq);
                match sort {
                    SortOrder::Asc => query.after = last,
                    SortOrder::Desc => query.before = last,
                }
                left -= page.items.len() as u64;
                pages.push(page.items.iter().map(|event| event.seq.get()).collect());
            }
            // The three large events have the numbers 2 to 4.
            let expected: [Vec<u64>; 3] = match sort {
                SortOrder::Asc => [(first..=3).collect(), vec![4], vec![5, 6]],
                SortOrder::Desc => [vec![6, 5, 4], vec![3, 2], (first..2).collect()],
            };
            let expected: Vec<_> = expected
                .into_iter()
                .filter(|page| !page.is_empty())
                .collect();
            assert_eq!(pages, expected, "{query:?}");
        }
    }
}

/// `after` and `before` exclude their bounds; `since` includes it and `until` excludes it.
pub async fn history_is_bounded_by_number_and_time(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let (id, events) = history(&*store).await;
    let place = |seq| Some(EventSeq::new(seq));
    let moment = |second| Some(sample::at(second));
    let bounds = [
        (place(0), place(1), None, None),
        (place(5), None, None, None),
        (None, place(5), None, None),
        (place(5), place(12), None, None),
        (None, None, moment(7), None),
        (None, None, None, moment(7)),
        (place(3), place(20), moment(7), moment(19)),
        (place(100), None, None, None),
    ];
    for (after, before, since, until) in bounds {
        let query = EventQuery {
            filter: EventFilter::default(),
            after,
            before,
            since,
            until,
            sort: SortOrder::Asc,
            page: PageRequest::default(),
        };
        check(&*store, id, &events, &query).await;
    }
}

/// A session has its last three thoughts, tool runs and edits, oldest first, alone and in a list.
pub async fn recent_events_are_the_last_three(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let mut recent: Vec<EventPayload> = Vec::new();
    let payloads = [
        sample::log(LogLevel::Info, "line"),
        sample::thought("hm"),
        sample::tool_use("t"),
        sample::log(LogLevel::Info, "line"),
        sample::tool_result("t"),
        sample::file_edit("f"),
        sample::thought("so"),
    ];
    for (index, payload) in payloads.into_iter().enumerate() {
        let event = sample::event(index as i64, payload.clone());
        append(&*store, id, vec![event]).await;
        if payload.is_recent_activity() {
            recent.push(payload);
        }
        let last = recent.len().saturating_sub(3);
        let session = store.session(id).await.unwrap().session;
        let shown: Vec<_> = session
            .recent_events
            .iter()
            .map(|event| event.payload.clone())
            .collect();
        assert_eq!(shown, recent[last..]);
        let listed = store.list_sessions(&Default::default()).await.unwrap();
        assert_eq!(listed.items, [session]);
    }
    assert_eq!(recent.len(), 5);
}
