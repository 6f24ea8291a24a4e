//! The event stream of many sessions.

use std::collections::BTreeSet;

use ah_rest_api_contract::{
    AllEventsQuery, EventFilter, EventType, LogCursor, SessionEvent, SessionId, SessionStatus as S,
};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::World;
use crate::script::{ask, hang, think};
use crate::world::bounded;

/// Returns the next `count` items of a stream of many sessions.
async fn read(
    world: &World,
    query: AllEventsQuery,
    count: usize,
) -> Vec<(LogCursor, SessionEvent)> {
    let stream = world.manager().all_events(query).await;
    let items = stream.expect("the stream begins").take(count);
    let items = items.map(|item| item.expect("the stream goes on"));
    bounded(items.collect()).await
}

fn from(after: LogCursor) -> AllEventsQuery {
    AllEventsQuery {
        after: Some(after),
        ..AllEventsQuery::default()
    }
}

fn of_session(items: &[(LogCursor, SessionEvent)], id: SessionId) -> Vec<SessionEvent> {
    let events = items.iter().map(|(_, event)| event);
    events
        .filter(|event| event.session_id == id)
        .cloned()
        .collect()
}

/// Runs two sessions to their end, and returns their logs.
async fn two(world: &World) -> [(SessionId, Vec<SessionEvent>); 2] {
    let launch = async |timeline: Value| {
        let id = world.launch(timeline).await;
        (id, world.whole_log(id).await)
    };
    [
        launch(json!([think("one")])).await,
        launch(json!([think("two"), think("three")])).await,
    ]
}

/// Every event of every session is delivered once, in the order of its session, from every cursor.
pub async fn every_event_of_every_session_is_delivered_once(world: &World) {
    let sessions = two(world).await;
    let count = sessions.iter().map(|(_, log)| log.len()).sum();
    let all = read(world, from(LogCursor::START), count).await;
    for (id, log) in &sessions {
        assert_eq!(of_session(&all, *id), *log);
    }
    assert!(all.windows(2).all(|two| two[0].0 < two[1].0), "{all:#?}");
    for (place, (cursor, _)) in all.iter().enumerate().take(count - 1) {
        let rest = read(world, from(*cursor), count - place - 1).await;
        assert_eq!(rest, all[place + 1..], "after {cursor}");
    }
}

/// The stream contains only the sessions and types of the query.
pub async fn a_stream_of_many_sessions_is_filtered(world: &World) {
    let [(_, _), (id, log)] = two(world).await;
    let query = AllEventsQuery {
        sessions: Some(BTreeSet::from([id])),
        ..from(LogCursor::START)
    };
    let of_one = read(world, query, log.len()).await;
    assert_eq!(of_session(&of_one, id), log);
    let query = AllEventsQuery {
        filter: EventFilter::default().with_types([EventType::Thought]),
        ..from(LogCursor::START)
    };
    let thoughts = read(world, query, 3).await;
    let is_thought = |event: &SessionEvent| event.payload.event_type() == EventType::Thought;
    assert!(thoughts.iter().all(|(_, event)| is_thought(event)));
}

/// Without a cursor the stream starts with the next event, and delivers events as they happen.
pub async fn stream_without_a_cursor_starts_at_the_next_event(world: &World) {
    let old = world.launch(json!([think("before")])).await;
    world.until_status(old, S::Completed).await;
    let stream = world.manager().all_events(AllEventsQuery::default()).await;
    let mut stream = stream.expect("the stream begins");
    let new = world.launch(json!([ask(), hang()])).await;
    let log = world.until_asked(new).await;
    let mut items = Vec::new();
    while items.len() < log.len() {
        let item = bounded(stream.next()).await.expect("the stream goes on");
        items.push(item.expect("the stream goes on"));
    }
    assert_eq!(of_session(&items, new), log);
}
