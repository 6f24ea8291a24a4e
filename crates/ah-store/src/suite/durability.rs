//! Durability: closing, dropping and reopening a store.

use std::sync::Arc;

use ah_rest_api_contract::{EventSeq, PageRequest, SessionQuery};

use super::log::until;
use super::{StoreHarness, sample, soon};
use crate::{Guard, SessionWrite, StoreError};

fn thinking(session: ah_rest_api_contract::SessionId) -> SessionWrite {
    let mut write = SessionWrite::new(session, Guard::default(), sample::at(1));
    write.events = vec![sample::event(1, sample::thought("hm"))];
    write
}

/// A closed store has the same content after it is opened again.
pub async fn writes_survive_reopening(harness: &dyn StoreHarness) {
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
    let repositories = store
        .list_repositories(&PageRequest::default().into())
        .await;
    assert_eq!(repositories.unwrap().total, 1);
    // The log continues after its last event.
    let written = store.write(thinking(id)).await.unwrap();
    assert_eq!(written.last_seq, EventSeq::new(3));
}

/// A write that has returned survives a store that is dropped without being closed.
pub async fn acknowledged_writes_survive_a_dropped_store(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    for _ in 0..20 {
        store.write(thinking(id)).await.unwrap();
    }
    drop(store);
    let store = harness.open().await;
    super::log::assert_gapless(&*store, id, 21).await;
}

/// Every verb of a closed store fails as unavailable. Closing it again has no effect.
pub async fn a_closed_store_is_unavailable(harness: &dyn StoreHarness) {
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

/// A write in progress while the store closes either succeeds or is refused.
pub async fn closing_finishes_pending_writes(harness: &dyn StoreHarness) {
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

/// The channels of a store end when it closes.
pub async fn closed_store_ends_its_subscriptions(harness: &dyn StoreHarness) {
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
