//! Removal of what ended sessions left on the host.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use ah_engine::testing::Behavior;
use ah_executor::LogRetention;
use ah_rest_api_contract::{SessionId, SessionStatus as S, TaskManager};

use crate::world::{PATIENCE, World, a_task, launch, until_status, whole_log};

/// Waits for a state of the host, which no event reports.
async fn eventually(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_ended_session_is_reclaimed_and_a_failure_keeps_its_log() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let mut expected = Vec::new();
    for (end, log) in [
        (S::Completed, LogRetention::Remove),
        (S::Failed, LogRetention::Keep),
        (S::Cancelled, LogRetention::Remove),
    ] {
        let id = launch(&engine, a_task()).await;
        until_status(&engine, id, S::Running).await;
        assert_eq!(world.host.reclaimed(), expected, "not before the end");
        match end {
            S::Completed => world.host.end_turn(id),
            S::Failed => world.host.kill_recorder(id),
            _ => engine.cancel_session(id).await.map(drop).unwrap(),
        }
        until_status(&engine, id, end).await;
        expected.push((id, log));
        eventually("its removal", || world.host.reclaimed() == expected).await;
    }
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_starting_engine_reclaims_ended_sessions_only() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let [ended, running] = [
        launch(&engine, a_task()).await,
        launch(&engine, a_task()).await,
    ];
    for id in [ended, running] {
        until_status(&engine, id, S::Running).await;
    }
    world.host.end_turn(ended);
    whole_log(&engine, ended).await;
    let is_reclaimed = |id| world.host.reclaimed().iter().any(|(of, _)| *of == id);
    eventually("the first removal", || is_reclaimed(ended)).await;
    engine.shutdown().await;

    let unknown = SessionId::from_ulid(ulid::Ulid(7));
    for id in [ended, running, unknown] {
        world.host.leave_remains(id);
    }
    let engine = world.engine().await;
    let kept = |ids: &[SessionId]| world.host.remains() == BTreeSet::from_iter(ids.to_vec());
    eventually("the sweep", || kept(&[running, unknown])).await;
    world.host.end_turn(running);
    eventually("the last removal", || kept(&[unknown])).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_removal_is_repeated_by_the_next_sweep() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    world.host.end_turn(id);
    whole_log(&engine, id).await;
    eventually("its removal", || !world.host.reclaimed().is_empty()).await;
    world.host.leave_remains(id);
    world.clock.advance(Duration::from_secs(60 * 60));
    eventually("the sweep", || world.host.remains().is_empty()).await;
    engine.shutdown().await;
}
