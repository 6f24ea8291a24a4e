//! Reading the log of all sessions, in commit order.

use std::collections::BTreeMap;
use std::sync::Arc;

use ah_rest_api_contract::{EventSeq, EventType, LogLevel, SessionId};
use tokio::sync::watch;

use crate::suite::{StoreHarness, sample, soon};
use crate::{Claim, EventRow, Guard, LogPosition, NewEvent, SessionWrite, Store};

async fn append(store: &dyn Store, session: SessionId, events: Vec<NewEvent>) {
    let mut write = SessionWrite::new(session, Guard::default(), sample::at(1));
    write.events = events;
    store.write(write).await.unwrap();
}

/// Returns all events after `after`, read in pages of `limit`.
async fn rest(store: &dyn Store, mut after: LogPosition, limit: u32) -> Vec<EventRow> {
    let mut all = Vec::new();
    loop {
        let rows = store.all_events_after(after, limit).await.unwrap();
        assert!(rows.len() <= limit as usize);
        let Some(last) = rows.last() else {
            return all;
        };
        after = last.position;
        all.extend(rows);
    }
}

/// The log contains every event of every session once, in the order of the writes, with the same
/// rows as the logs of the sessions.
pub async fn log_contains_the_events_of_all_sessions(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    assert_eq!(store.log_end().await.unwrap(), LogPosition::START);
    assert!(rest(&*store, LogPosition::START, 5).await.is_empty());
    let ids = sample::sessions(&*store, 2).await;
    for index in 0..5 {
        for id in &ids {
            let event = sample::event(index, sample::thought(&index.to_string()));
            append(&*store, *id, vec![event.clone(), event]).await;
        }
    }
    let all = rest(&*store, LogPosition::START, 1000).await;
    let mut expected = vec![(ids[0], 1), (ids[1], 1)];
    for round in 0..5 {
        for id in &ids {
            expected.extend([(*id, 2 + 2 * round), (*id, 3 + 2 * round)]);
        }
    }
    let found: Vec<_> = all.iter().map(|row| (row.session, row.seq.get())).collect();
    assert_eq!(found, expected);
    assert!(all.is_sorted_by(|earlier, later| earlier.position < later.position));
    let end = store.log_end().await.unwrap();
    assert_eq!(all.last().unwrap().position, end);
    for id in ids {
        let own = store.events_after(id, EventSeq::START, 100).await.unwrap();
        let part = all.iter().filter(|row| row.session == id).cloned();
        assert_eq!(own, part.collect::<Vec<_>>());
    }
    // The result depends neither on the size of the pages nor on the start.
    for limit in [1, 3, u32::MAX] {
        assert_eq!(rest(&*store, LogPosition::START, limit).await, all);
        assert_eq!(rest(&*store, all[6].position, limit).await, all[7..]);
    }
    assert!(rest(&*store, end, 5).await.is_empty());
    // A limit of 0 returns an event, since an empty result means the end of the log.
    let first = store.all_events_after(LogPosition::START, 0).await.unwrap();
    assert_eq!(first, all[..1]);
    let beyond = LogPosition(i64::MAX as u64);
    assert!(rest(&*store, beyond, 5).await.is_empty());
}

/// The columns of a row match the event.
pub async fn row_contains_the_filtered_fields(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let payloads = [
        sample::log(LogLevel::Error, "bad"),
        sample::log(LogLevel::Trace, "dull"),
        sample::thought("hm"),
        sample::file_edit("f"),
    ];
    let events = payloads.iter().map(|it| sample::event(1, it.clone()));
    append(&*store, id, events.collect()).await;
    let rows = rest(&*store, LogPosition::START, 10).await;
    let asked: Vec<_> = rows.iter().map(|row| (row.event_type, row.level)).collect();
    let expected = [
        (EventType::Status, None),
        (EventType::Log, Some(LogLevel::Error)),
        (EventType::Log, Some(LogLevel::Trace)),
        (EventType::Thought, None),
        (EventType::FileEdit, None),
    ];
    assert_eq!(asked, expected);
}

/// Follows the log from its start until `count` events are seen.
async fn follow(store: Arc<dyn Store>, count: usize, limit: u32) -> Vec<EventRow> {
    let mut log = store.watch_log();
    let mut seen: Vec<EventRow> = Vec::new();
    while seen.len() < count {
        log.mark_unchanged();
        let after = seen.last().map_or(LogPosition::START, |row| row.position);
        let rows = store.all_events_after(after, limit).await.unwrap();
        if rows.is_empty() {
            log.changed().await.unwrap();
        }
        seen.extend(rows);
    }
    seen
}

/// Readers resume from the last position they read while two handles write, create and claim. Each
/// reader sees every event once, all in the same order, and those of a session without gaps.
pub async fn log_subscriber_misses_no_event(harness: &dyn StoreHarness) {
    const WRITERS: usize = 16;
    const WRITES: usize = 12;
    const EACH: usize = 3;
    let handles = [harness.open().await, harness.open().await];
    let ids = sample::sessions(&*handles[0], 4).await;
    // Per writer: its writes, the creation of one session, and one claim.
    let count = ids.len() + WRITERS * (WRITES * EACH + 1 + 1);
    let mut readers = tokio::task::JoinSet::new();
    for (reader, limit) in [1, 7, 50, 1000].into_iter().enumerate() {
        readers.spawn(follow(Arc::clone(&handles[reader % 2]), count, limit));
    }
    let mut writers = tokio::task::JoinSet::new();
    for writer in 0..WRITERS {
        let store = Arc::clone(&handles[writer % 2]);
        let id = ids[writer % ids.len()];
        writers.spawn(async move {
            for index in 0..WRITES {
                let event = sample::event(1, sample::thought("hm"));
                append(&*store, id, vec![event; EACH]).await;
                if index == writer % WRITES {
                    let task = sample::task(1, sample::at(0));
                    store.create_task(task).await.unwrap();
                    let lease = sample::lease("a", sample::at(100));
                    let claim = Claim::NextQueued { slots: 1000 };
                    let claimed = store.claim(claim, &lease, sample::at(1)).await;
                    assert!(claimed.unwrap().is_some());
                }
            }
        });
    }
    soon("the writes", writers.join_all()).await;
    let seen = soon("the readers", readers.join_all()).await;
    let all = rest(&*handles[1], LogPosition::START, 1000).await;
    assert_eq!(all.len(), count);
    for seen in seen {
        assert!(seen == all, "a reader saw something else than the log");
    }
    let mut heads: BTreeMap<SessionId, EventSeq> = BTreeMap::new();
    for row in &all {
        let head = heads.entry(row.session).or_default();
        assert_eq!(row.seq, head.next(), "in the log of {}", row.session);
        *head = row.seq;
    }
}

/// The end of the log has moved before the verb that appends to it returns.
pub async fn log_subscriber_is_notified_by_its_own_process(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut log = store.watch_log();
    let mut known = LogPosition::START;
    let id = sample::one_session(&*store).await;
    wait_for_end(&*store, &mut log, &mut known).await;
    append(
        &*store,
        id,
        vec![sample::event(1, sample::thought("hm")); 5],
    )
    .await;
    wait_for_end(&*store, &mut log, &mut known).await;
    let lease = sample::lease("a", sample::at(100));
    let claim = Claim::NextQueued { slots: 1 };
    store.claim(claim, &lease, sample::at(2)).await.unwrap();
    wait_for_end(&*store, &mut log, &mut known).await;
    // A new subscriber sees the same end.
    assert_eq!(*store.watch_log().borrow(), known);
    // A write without events does not move the end.
    append(&*store, id, Vec::new()).await;
    store.release(&lease.engine).await.unwrap();
    assert!(!log.has_changed().unwrap());
}

/// Asserts that the end of the log matches `log` and is after `known`.
async fn wait_for_end(
    store: &dyn Store,
    log: &mut watch::Receiver<LogPosition>,
    known: &mut LogPosition,
) {
    let end = *log.borrow_and_update();
    assert!(end > *known, "{end} is not after {known}");
    assert_eq!(store.log_end().await.unwrap(), end);
    *known = end;
}

/// A write of another handle moves the end, for existing and new subscribers.
pub async fn log_subscriber_is_notified_by_another_handle(harness: &dyn StoreHarness) {
    let (store, other) = (harness.open().await, harness.open().await);
    let mut log = store.watch_log();
    let id = sample::one_session(&*other).await;
    for _ in 0..3 {
        append(&*other, id, vec![sample::event(1, sample::thought("hm"))]).await;
        let end = other.log_end().await.unwrap();
        let waited = soon("the end", log.wait_for(|known| *known == end)).await;
        assert!(waited.is_ok(), "the store let go of its reader");
        let mut late = store.watch_log();
        let waited = soon("the end", late.wait_for(|known| *known == end)).await;
        assert!(waited.is_ok(), "the store let go of its reader");
    }
    // The log has no subscriber, but a session has one.
    drop(log);
    let mut session = store.watch_session(id);
    append(&*other, id, vec![sample::event(1, sample::thought("hm"))]).await;
    let waited = session.wait_for(|head| head.last_seq == EventSeq::new(5));
    assert!(soon("the head", waited).await.is_ok());
    let end = other.log_end().await.unwrap();
    let mut late = store.watch_log();
    let waited = soon("the end", late.wait_for(|known| *known == end)).await;
    assert!(waited.is_ok(), "the store let go of its reader");
}
