//! Cases of [`Claims`](crate::Claims).

use std::collections::BTreeSet;
use std::sync::Arc;

use ah_rest_api_contract::{Activity, Priority, SessionEvent, SessionId, SessionStatus};
use tokio::sync::watch;

use super::log::{tell, until};
use super::{StoreHarness, sample, soon};
use crate::{
    Claim, EngineId, Fence, Guard, Lease, SessionRecord, SessionVersion, SessionWrite, Store,
    StoreError,
};

const MANY: Claim = Claim::NextQueued { slots: 1000 };

fn orphan(dead: &[&str]) -> Claim {
    Claim::Orphan {
        dead: dead
            .iter()
            .map(|name| EngineId((*name).to_owned()))
            .collect(),
    }
}

async fn claim(store: &dyn Store, claim: Claim, lease: &Lease) -> Option<SessionRecord> {
    store.claim(claim, lease, sample::at(10)).await.unwrap()
}

/// The next session is the one with the highest priority, then the oldest.
pub async fn sessions_are_claimed_by_priority_then_age(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let mut expected: Vec<(i64, i64, SessionId)> = Vec::new();
    for (urgent, created_at) in [(0, 5), (1, 7), (0, 3), (1, 6), (0, 4)] {
        let mut task = sample::task(2, sample::at(created_at));
        for (session, _) in &mut task.sessions {
            session.priority = [Priority::Normal, Priority::High][urgent];
            expected.push((-(urgent as i64), created_at, session.id));
        }
        store.create_task(task).await.unwrap();
    }
    expected.sort();
    let lease = sample::lease("a", sample::at(100));
    for (_, _, id) in expected {
        let before = store.session(id).await.unwrap();
        let claimed = claim(&*store, MANY, &lease).await.unwrap();
        assert_eq!(claimed.id(), id);
        assert_eq!(claimed.session.status, SessionStatus::Provisioning);
        assert_eq!(claimed.session.updated_at, sample::at(10));
        assert_eq!(claimed.owner, Some(lease.engine.clone()));
        assert_eq!(claimed.fence, Fence(before.fence.0 + 1));
        assert_eq!(claimed.version, SessionVersion(before.version.0 + 1));
        assert_eq!(claimed, store.session(id).await.unwrap());
        let events = store
            .events_after(id, before.session.last_seq, 10)
            .await
            .unwrap();
        let event: SessionEvent = serde_json::from_str(&events[0].json).unwrap();
        assert_eq!(events.len(), 1);
        assert_eq!(event.seq, claimed.session.last_seq);
        assert_eq!(event.ts, sample::at(10));
        let expected = sample::status(SessionStatus::Queued, SessionStatus::Provisioning);
        assert_eq!(event.payload, expected);
    }
    assert_eq!(claim(&*store, MANY, &lease).await, None);
}

/// At most `slots` sessions hold a slot. A session that has ended, or that only stores its changes, holds
/// none.
pub async fn slots_limit_claims(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    sample::sessions(&*store, 4).await;
    let lease = sample::lease("a", sample::at(100));
    let two = Claim::NextQueued { slots: 2 };
    assert_eq!(
        claim(&*store, Claim::NextQueued { slots: 0 }, &lease).await,
        None
    );
    let first = claim(&*store, two.clone(), &lease).await.unwrap();
    assert!(claim(&*store, two.clone(), &lease).await.is_some());
    assert_eq!(claim(&*store, two.clone(), &lease).await, None);
    for status in SessionStatus::ALL {
        if status == SessionStatus::Queued {
            continue;
        }
        let mut write = SessionWrite::new(first.id(), Guard::default(), sample::at(11));
        write.patch.status = Some(status);
        store.write(write).await.unwrap();
        if status.holds_slot() {
            assert_eq!(claim(&*store, two.clone(), &lease).await, None, "{status}");
        }
    }
    let third = claim(&*store, two.clone(), &lease).await.unwrap();
    assert_eq!(claim(&*store, two.clone(), &lease).await, None);
    let mut write = SessionWrite::new(third.id(), Guard::default(), sample::at(12));
    write.patch.activity = Some(Some(Activity::Storing));
    let mut work = store.watch_work();
    work.mark_unchanged();
    store.write(write).await.unwrap();
    soon("the wake of the scheduler", work.changed())
        .await
        .unwrap();
    assert!(claim(&*store, two, &lease).await.is_some());
    let record = store.session(third.id()).await.unwrap();
    assert_eq!(record.owner, Some(lease.engine), "it keeps its owner");
}

/// Concurrent claims of two engines never return the same session.
pub async fn two_engines_never_claim_the_same_session(harness: &dyn StoreHarness) {
    let handles = [harness.open().await, harness.open().await];
    let ids = sample::sessions(&*handles[0], 40).await;
    let mut tasks = tokio::task::JoinSet::new();
    for engine in 0..8 {
        let store = Arc::clone(&handles[engine % 2]);
        tasks.spawn(async move {
            let lease = sample::lease(&format!("engine {engine}"), sample::at(100));
            let mut claimed = Vec::new();
            while let Some(record) = claim(&*store, MANY, &lease).await {
                assert_eq!(record.owner, Some(lease.engine.clone()));
                claimed.push(record.id());
            }
            claimed
        });
    }
    let mut claimed: Vec<SessionId> = soon("the claims", tasks.join_all())
        .await
        .into_iter()
        .flatten()
        .collect();
    claimed.sort();
    assert_eq!(claimed, ids);
}

/// A session whose lease has expired can be claimed, but not by its own engine.
pub async fn an_expired_claim_is_an_orphan(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let first = sample::lease("a", sample::at(10));
    let claimed = claim(&*store, MANY, &first).await.unwrap();
    assert_eq!(claim(&*store, orphan(&[]), &first).await, None);
    // A claim holds until its expiry, and a renewed one until its new expiry.
    let second = sample::lease("b", sample::at(100));
    store
        .renew(&sample::lease("a", sample::at(11)))
        .await
        .unwrap();
    assert_eq!(claim(&*store, orphan(&[]), &second).await, None);
    store
        .renew(&sample::lease("a", sample::at(10)))
        .await
        .unwrap();
    let orphaned = claim(&*store, orphan(&[]), &second).await.unwrap();
    assert_eq!(orphaned.id(), id);
    assert_eq!(orphaned.owner, Some(second.engine.clone()));
    assert_eq!(orphaned.fence, Fence(claimed.fence.0 + 1));
    assert_eq!(orphaned.session, claimed.session);
    // The session has been claimed again, so renewals of the former owner do not affect it.
    store
        .renew(&sample::lease("a", sample::at(0)))
        .await
        .unwrap();
    let third = sample::lease("c", sample::at(100));
    assert_eq!(claim(&*store, orphan(&[]), &third).await, None);
}

/// A session of a dead engine can be claimed before its lease expires, oldest first. A session
/// without a slot is no orphan.
pub async fn a_dead_owners_session_is_an_orphan(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 4).await;
    let gone = sample::lease("gone", sample::at(1000));
    for _ in 0..3 {
        claim(&*store, MANY, &gone).await.unwrap();
    }
    let mut write = SessionWrite::new(ids[0], Guard::default(), sample::at(11));
    write.patch.status = Some(SessionStatus::Completed);
    store.write(write).await.unwrap();
    let lease = sample::lease("b", sample::at(1000));
    assert_eq!(claim(&*store, orphan(&["other"]), &lease).await, None);
    for expected in &ids[1..3] {
        let claimed = claim(&*store, orphan(&["other", "gone"]), &lease).await;
        assert_eq!(claimed.unwrap().id(), *expected);
    }
    assert_eq!(claim(&*store, orphan(&["gone"]), &lease).await, None);
}

/// A released session can be claimed at once.
pub async fn a_released_session_is_an_orphan(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 2).await;
    let first = sample::lease("a", sample::at(1000));
    let other = sample::lease("o", sample::at(1000));
    claim(&*store, MANY, &first).await.unwrap();
    claim(&*store, MANY, &other).await.unwrap();
    store.release(&first.engine).await.unwrap();
    assert_eq!(store.session(ids[0]).await.unwrap().owner, None);
    let second = sample::lease("b", sample::at(1000));
    let claimed = claim(&*store, orphan(&[]), &second).await.unwrap();
    assert_eq!((claimed.id(), claimed.fence), (ids[0], Fence(2)));
    assert_eq!(claim(&*store, orphan(&[]), &second).await, None);
    store.release(&first.engine).await.unwrap();
}

/// A late write of a former owner is refused; a write of the owner is not.
pub async fn former_owner_is_fenced(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let id = sample::one_session(&*store).await;
    let first = sample::lease("a", sample::at(1000));
    let old = claim(&*store, MANY, &first).await.unwrap().fence;
    let second = sample::lease("b", sample::at(1000));
    let new = claim(&*store, orphan(&["a"]), &second).await.unwrap().fence;
    let write = |fence| {
        let guard = Guard {
            fence: Some(fence),
            ..Guard::default()
        };
        let mut write = SessionWrite::new(id, guard, sample::at(11));
        write.events = vec![sample::event(11, sample::thought("late"))];
        write
    };
    let refused = store.write(write(old)).await;
    assert!(
        matches!(refused, Err(StoreError::Fenced { .. })),
        "{refused:?}"
    );
    store.write(write(new)).await.unwrap();
    super::log::assert_gapless(&*store, id, 3).await;
}

/// Each owner is listed once, and only while it owns a session.
pub async fn owners_are_the_engines_with_sessions(harness: &dyn StoreHarness) {
    let store = harness.open().await;
    let ids = sample::sessions(&*store, 3).await;
    assert_eq!(store.owners().await.unwrap(), BTreeSet::new());
    let first = sample::lease("a", sample::at(1000));
    let second = sample::lease("b", sample::at(1000));
    claim(&*store, MANY, &first).await.unwrap();
    claim(&*store, MANY, &first).await.unwrap();
    claim(&*store, MANY, &second).await.unwrap();
    let both = BTreeSet::from([first.engine.clone(), second.engine.clone()]);
    assert_eq!(store.owners().await.unwrap(), both);
    let mut write = SessionWrite::new(ids[2], Guard::default(), sample::at(11));
    write.patch.status = Some(SessionStatus::Failed);
    store.write(write).await.unwrap();
    assert_eq!(
        store.owners().await.unwrap(),
        BTreeSet::from([first.engine])
    );
}

/// Creations, claims, statuses and releases increment the work counter, through any handle.
pub async fn work_counter_is_incremented_by_any_handle(harness: &dyn StoreHarness) {
    let (store, other) = (harness.open().await, harness.open().await);
    let mut receivers = [store.watch_work(), other.watch_work()];
    let id = sample::one_session(&*other).await;
    moved(&mut receivers).await;
    let lease = sample::lease("a", sample::at(100));
    let claim = Claim::NextQueued { slots: 1 };
    store
        .claim(claim.clone(), &lease, sample::at(1))
        .await
        .unwrap();
    moved(&mut receivers).await;
    let mut write = SessionWrite::new(id, Guard::default(), sample::at(2));
    write.patch.status = Some(SessionStatus::Running);
    other.write(write).await.unwrap();
    moved(&mut receivers).await;
    store.release(&lease.engine).await.unwrap();
    moved(&mut receivers).await;

    // A claim of nothing is not counted.
    assert_eq!(
        store.claim(claim, &lease, sample::at(3)).await.unwrap(),
        None
    );
    store.release(&lease.engine).await.unwrap();
    store.renew(&lease).await.unwrap();
    tell(&*store, id).await;
    let mut receiver = store.watch_session(id);
    until(&mut receiver, 3, 1).await;
    assert!(!receivers[0].has_changed().unwrap());
}

/// Waits until each of `receivers` has moved and all have the same count.
async fn moved(receivers: &mut [watch::Receiver<u64>; 2]) {
    let [first, second] = receivers;
    for receiver in [&mut *first, &mut *second] {
        let changed = soon("the count of changes", receiver.changed()).await;
        assert!(changed.is_ok(), "the store let go of its reader");
        receiver.borrow_and_update();
    }
    assert_eq!(*first.borrow(), *second.borrow());
}
