//! Durability: closing, dropping and reopening a store.

use std::sync::Arc;

use ah_rest_api_contract::{EventSeq, PageRequest, SessionQuery};

use super::log::until;
use super::{Harness, sample, soon};
use crate::{Guard, SessionWrite, StoreError};

fn thinking(session: ah_rest_api_contract::SessionId) -> SessionWrite {
    let mut write = SessionWrite::new(session, Guard::default(), sample::at(1));
    write.events = vec![sample::event(1, sample::thought("hm"))];
    write
}

/// A store that was closed is, opened again, as it was.
pub async fn what_was_written_is_there_after_reopening(harness: &dyn Harness) {
    let store = harness.open().await;
    let mut task = sample::task(2, sample::at(1));
    task.repository_name = Some("thing".to_owned());
    for (_, launch) in &mut task.sessions {
        launch.source = Some("/srv/thing".to_owned());
    }
    let id = task.task.session_ids[1];
    store.create_task(task.clone()).await.unwrap();
    store.write(thinking(id)).await.unwrap();
    let record = store.session(id).await.unwrap();
    let events = store.events_after(id, EventSeq::START, 10).await.unwrap();
    store.close().await;

    let store = harness.open().await;
    assert_eq!(store.task(task.task.id).await.unwrap(), task.task);
    assert_eq!(store.session(id).await.unwrap(), record);
    let again = store.events_after(id, EventSeq::START, 10).await.unwrap();
    assert_eq!(again, events);
    let listed = store.list_sessions(&SessionQuery::default()).await.unwrap();
    assert_eq!(listed.total, 2);
    let repositories = store.list_repositories(PageRequest::default()).await;
    assert_eq!(repositories.unwrap().total, 1);
    // The log goes on where it was.
    let written = store.write(thinking(id)).await.unwrap();
    assert_eq!(written.last_seq, EventSeq::new(3));
}

/// What a verb has returned is there although the store was never closed.
pub async fn what_was_acknowledged_outlives_a_dropped_store(harness: &dyn Harness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    for _ in 0..20 {
        store.write(thinking(id)).await.unwrap();
    }
    drop(store);
    let store = harness.open().await;
    super::log::assert_gapless(&*store, id, 21).await;
}

/// Every verb of a closed store says that it is not available; closing it again is nothing.
pub async fn a_closed_store_is_unavailable(harness: &dyn Harness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    store.close().await;
    soon("the second closing", store.close()).await;
    let is_unavailable = |error| matches!(error, StoreError::Unavailable { .. });
    let lease = sample::lease("a", sample::at(100));
    assert!(is_unavailable(store.session(id).await.unwrap_err()));
    assert!(is_unavailable(store.write(thinking(id)).await.unwrap_err()));
    assert!(is_unavailable(store.renew(&lease).await.unwrap_err()));
    let task = store.create_task(sample::task(1, sample::at(1))).await;
    assert!(is_unavailable(task.unwrap_err()));
    let listed = store.list_sessions(&SessionQuery::default()).await;
    assert!(is_unavailable(listed.unwrap_err()));
}

/// A write that was under way when the store closed is done and said to be, or refused.
pub async fn closing_writes_what_is_under_way(harness: &dyn Harness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            match store.write(thinking(id)).await {
                Ok(_) => true,
                Err(StoreError::Unavailable { .. }) => false,
                Err(error) => panic!("a write at closing time came to {error:?}"),
            }
        });
    }
    soon("the closing", store.close()).await;
    let done = soon("the writes", tasks.join_all()).await;
    let done = done.iter().filter(|done| **done).count();
    let store = harness.open().await;
    super::log::assert_gapless(&*store, id, 1 + done).await;
}

/// Whoever listens to a store that closes learns that nothing more will come.
pub async fn a_closed_store_lets_go_of_its_readers(harness: &dyn Harness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let mut session = store.watch_session(id);
    let mut work = store.watch_work();
    let mut log = store.watch_log();
    until(&mut session, 1, 0).await;
    log.mark_unchanged();
    store.close().await;
    assert!(soon("the end", session.changed()).await.is_err());
    assert!(soon("the end", work.changed()).await.is_err());
    assert!(
        soon("the end", store.watch_session(id).changed())
            .await
            .is_err()
    );
    assert!(soon("the end", log.changed()).await.is_err());
    assert!(soon("the end", store.watch_work().changed()).await.is_err());
    assert!(soon("the end", store.watch_log().changed()).await.is_err());
}
