//! Readers: every event once, in order, from any cursor.

use std::sync::Arc;

use ah_rest_api_contract::{
    EventFilter, EventSeq, EventType, SessionEvent, SessionId, SessionStatus as S, StreamItem,
    TaskManager,
};
use futures::StreamExt;

use crate::host::Temper;
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
async fn readers_that_join_at_any_moment_see_every_event_once() {
    let world = World::new(Temper::Directed);
    let engine: Arc<dyn TaskManager> = Arc::new(world.engine().await);
    let id = launch(engine.as_ref(), a_task()).await;
    until_status(engine.as_ref(), id, S::Running).await;
    let mut readers = Vec::new();
    for n in 0..300 {
        if n % 15 == 0 {
            let (engine, after) = (engine.clone(), EventSeq::new(n / 10));
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
async fn filters_choose_and_never_renumber() {
    let world = World::new(Temper::Diligent);
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
