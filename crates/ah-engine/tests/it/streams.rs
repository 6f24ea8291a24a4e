//! Readers: every event once, in order, from any cursor.

use std::collections::BTreeSet;
use std::sync::Arc;

use ah_engine::testing::Behavior;
use ah_rest_api_contract::{
    AccessPoint, AllEventsQuery, EncodedItem, EventFilter, EventSeq, EventType, LogCursor,
    SessionEvent, SessionId, SessionStatus as S, StreamItem, TaskManager,
};
use ah_store::EventLog as _;
use futures::StreamExt;

use crate::test_store::{READS_MAX, TestStore};
use crate::world::{PATIENCE, World, a_task, launch, thoughts, until_status, whole_log};

async fn read_all(
    engine: Arc<dyn TaskManager>,
    id: SessionId,
    after: EventSeq,
    filter: EventFilter,
) -> Vec<SessionEvent> {
    let read = async {
        let stream = engine.task_events_stream(id, after, filter).await.unwrap();
        stream
            .map(|item| match item.unwrap() {
                StreamItem::Event(event) => event,
                other => panic!("only events were asked for: {other:?}"),
            })
            .collect()
            .await
    };
    tokio::time::timeout(PATIENCE, read)
        .await
        .expect("the stream ends with the session")
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_joining_at_any_time_see_every_event_once() {
    let world = World::new(Behavior::Directed);
    let engine: Arc<dyn TaskManager> = Arc::new(world.engine().await);
    let id = launch(engine.as_ref(), a_task()).await;
    until_status(engine.as_ref(), id, S::Running).await;
    let mut readers = Vec::new();
    for n in 0..300 {
        if n % 15 == 0 {
            // A cursor beyond the last event is refused.
            let head = engine.get_session(id).await.unwrap().last_seq;
            let (engine, after) = (engine.clone(), head.min(EventSeq::new(n / 10)));
            let filter = EventFilter::default();
            readers.push((after, tokio::spawn(read_all(engine, id, after, filter))));
        }
        world.host.thought(id, &n.to_string());
        if n % 50 == 0 {
            tokio::task::yield_now().await;
        }
    }
    world.host.end_turn(id);
    let log = whole_log(engine.as_ref(), id).await;
    let expected: Vec<String> = (0..300).map(|n| n.to_string()).collect();
    assert_eq!(thoughts(&log), expected);
    for (after, reader) in readers {
        let seen = reader.await.unwrap();
        assert_eq!(seen, log[usize::try_from(after.get()).unwrap()..]);
    }
    let late = read_all(engine.clone(), id, EventSeq::START, EventFilter::default()).await;
    assert_eq!(late, log);
    let nothing = read_all(engine, id, log.last().unwrap().seq, EventFilter::default()).await;
    assert!(nothing.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn filters_select_without_renumbering() {
    let world = World::new(Behavior::EndsTurns);
    let engine: Arc<dyn TaskManager> = Arc::new(world.engine().await);
    let id = launch(engine.as_ref(), a_task()).await;
    let log = whole_log(engine.as_ref(), id).await;
    let filter = EventFilter::default().with_types([EventType::Thought]);
    let seen = read_all(engine, id, EventSeq::START, filter).await;
    let expected: Vec<_> = log
        .into_iter()
        .filter(|e| e.payload.event_type() == EventType::Thought)
        .collect();
    assert_eq!(seen, expected);
    assert_eq!(seen.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_one_session_share_its_rows() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    let watch = || engine.encoded_events(id, EventSeq::START, EventFilter::default());
    let mut readers = [watch().await.unwrap(), watch().await.unwrap()];
    for n in 0..50 {
        world.host.thought(id, &n.to_string());
    }
    world.host.end_turn(id);
    let mut last = Vec::new();
    for reader in &mut readers {
        let mut rows = Vec::new();
        while let Some(item) = tokio::time::timeout(PATIENCE, reader.next()).await.unwrap() {
            match item.unwrap() {
                EncodedItem::Event(row) => rows.push(row),
                other => panic!("only rows were asked for: {other:?}"),
            }
        }
        let seqs: Vec<u64> = rows.iter().map(|row| row.seq.get()).collect();
        assert_eq!(seqs, (1..=rows.len() as u64).collect::<Vec<_>>());
        last.push(rows.pop().unwrap());
    }
    assert!(
        Arc::ptr_eq(&last[0], &last[1]),
        "what one has read the other finds"
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_all_sessions_share_their_rows() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    let watch = || engine.all_encoded_events(AllEventsQuery::default());
    let mut readers = [watch().await.unwrap(), watch().await.unwrap()];
    for n in 0..50 {
        world.host.thought(id, &n.to_string());
    }
    world.host.end_turn(id);
    let mut last = Vec::new();
    for reader in &mut readers {
        let mut seqs = Vec::new();
        let ended = loop {
            let row = tokio::time::timeout(PATIENCE, reader.next()).await.unwrap();
            let row = row.unwrap().unwrap();
            seqs.push(row.seq.get());
            if row.json.contains("\"completed\"") {
                break row;
            }
        };
        assert!(seqs.is_sorted_by(|one, next| one + 1 == *next), "{seqs:?}");
        assert!(seqs.len() > 50);
        last.push(ended);
    }
    assert!(
        Arc::ptr_eq(&last[0], &last[1]),
        "events that one has read are in memory for the other"
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_of_many_sessions_is_read_on_one_stream_and_resumed() {
    let world = World::new(Behavior::EndsTurns);
    let engine = world.engine().await;
    let from = |after, sessions| AllEventsQuery {
        after: Some(after),
        sessions,
        filter: EventFilter::default(),
    };
    let all = from(LogCursor::START, None);
    let mut log = engine.all_encoded_events(all).await.unwrap();
    let (first, second) = (
        launch(&engine, a_task()).await,
        launch(&engine, a_task()).await,
    );
    whole_log(&engine, first).await;
    whole_log(&engine, second).await;
    let mut seen = Vec::new();
    let mut ended = 0;
    while ended < 2 {
        let row = tokio::time::timeout(PATIENCE, log.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        ended += usize::from(row.json.contains("\"completed\""));
        seen.push(row);
    }
    for id in [first, second] {
        let of_one: Vec<u64> = seen
            .iter()
            .filter(|row| row.session_id == id)
            .map(|row| row.seq.get())
            .collect();
        assert_eq!(of_one, (1..=of_one.len() as u64).collect::<Vec<_>>());
    }
    let middle = seen[seen.len() / 2].cursor;
    let only = Some(BTreeSet::from([second]));
    let rest = engine.all_encoded_events(from(middle, only)).await;
    let mut rest = rest.unwrap();
    for expected in seen
        .iter()
        .filter(|row| row.cursor > middle && row.session_id == second)
    {
        let row = tokio::time::timeout(PATIENCE, rest.next())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        assert_eq!(&row, expected);
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn burst_beyond_the_cache_reaches_a_live_reader_completely() {
    let world = World::new(Behavior::Directed);
    let engine: Arc<dyn TaskManager> = Arc::new(world.engine().await);
    let id = launch(engine.as_ref(), a_task()).await;
    until_status(engine.as_ref(), id, S::Running).await;
    let reader = tokio::spawn(read_all(
        engine.clone(),
        id,
        EventSeq::START,
        EventFilter::default(),
    ));
    let large = "x".repeat(64 * 1024);
    for n in 0..400 {
        world.host.thought(id, &format!("{n} {large}"));
    }
    world.host.end_turn(id);
    let seen = reader.await.unwrap();
    let seqs: Vec<u64> = seen.iter().map(|event| event.seq.get()).collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert_eq!(thoughts(&seen).len(), 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_that_is_not_polled_does_not_hold_up_the_others() {
    let world = World::new(Behavior::Directed);
    let store = Arc::new(TestStore::new(world.store().await));
    let engine = world.engine_on(store.clone()).await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    world.host.thought(id, "first");
    let filter = || EventFilter::default().with_types([EventType::Thought]);
    let open = || engine.task_events_stream(id, EventSeq::START, filter());
    let (mut stalled, mut other) = (open().await.unwrap(), open().await.unwrap());
    for stream in [&mut stalled, &mut other] {
        stream.next().await.unwrap().unwrap();
    }
    // One reader begins a read and is not polled any more.
    let all = u32::try_from(READS_MAX).unwrap();
    let permits = store.event_reads.acquire_many(all).await.unwrap();
    let mut head = store.watch_session(id);
    let before = engine.get_session(id).await.unwrap().last_seq;
    world.host.thought(id, "second");
    head.wait_for(|head| head.last_seq > before).await.unwrap();
    assert!(futures::poll!(stalled.next()).is_pending());
    drop(permits);
    let next = tokio::time::timeout(PATIENCE, other.next()).await;
    next.expect("the other reader goes on").unwrap().unwrap();
    engine.shutdown().await;
}
