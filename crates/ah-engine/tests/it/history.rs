//! Pages of history with large events.

use ah_engine::testing::Behavior;
use ah_rest_api_contract::{
    AccessPoint, EventFilter, EventQuery, EventType, HistoryPage, PageRequest, SessionEvent,
    SessionStatus as S, SortOrder, TaskManager,
};
use ah_store::READ_BYTES;
use futures::TryStreamExt as _;

use crate::world::{World, a_task, launch, until_status, whole_log};

/// The number of large events, and their size: a sixteenth of what a read holds.
const LARGE: usize = 50;
const SIZE: usize = READ_BYTES / 16;

/// Returns the parts of a page.
async fn parts(page: HistoryPage) -> Vec<Vec<SessionEvent>> {
    let mut parts = vec![page.first];
    if let Some(rest) = page.rest {
        parts.extend(rest.try_collect::<Vec<_>>().await.unwrap());
    }
    parts
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_large_events_is_read_in_parts() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    for _ in 0..LARGE {
        world.host.thought(id, &"x".repeat(SIZE));
    }
    world.host.end_turn(id);
    let log = whole_log(&engine, id).await;
    let thoughts = EventFilter::default().with_types([EventType::Thought]);
    for filter in [EventFilter::default(), thoughts] {
        let of_filter = |event: &&SessionEvent| {
            let types = filter.types();
            types.is_none_or(|types| types.contains(&event.payload.event_type()))
        };
        for sort in [SortOrder::Asc, SortOrder::Desc] {
            let mut history: Vec<_> = log.iter().filter(of_filter).cloned().collect();
            if sort == SortOrder::Desc {
                history.reverse();
            }
            for (page, per_page) in [(1, 200), (2, 20), (3, 7), (9, 200)] {
                let query = EventQuery {
                    filter: filter.clone(),
                    sort,
                    page: PageRequest::new(page, per_page).unwrap(),
                    ..EventQuery::default()
                };
                let begin = (page as usize - 1) * per_page as usize;
                let expected: Vec<_> = history
                    .iter()
                    .skip(begin)
                    .take(per_page as usize)
                    .cloned()
                    .collect();
                let read = engine.history(id, query.clone()).await.unwrap();
                assert_eq!(read.total, history.len() as u64);
                let is_last = begin + per_page as usize >= history.len();
                assert_eq!(read.next_page, (!is_last).then_some(page + 1));
                let parts = parts(read).await;
                for part in &parts {
                    // A part ends with the event that fills it, and events have other fields.
                    assert!(part.len() <= 17 + 6, "{} events", part.len());
                }
                assert_eq!(parts.concat(), expected, "{query:?}");
                let whole = engine.list_events(id, query).await.unwrap();
                assert_eq!(whole.items, expected);
            }
        }
    }
    engine.shutdown().await;
}
