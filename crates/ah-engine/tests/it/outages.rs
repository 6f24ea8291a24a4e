//! Shortages of the host and losses of the state folder.

use std::fs;
use std::time::Duration;

use ah_engine::testing::Behavior;
use ah_rest_api_contract::{AccessPoint, ErrorKind, SessionStatus as S, TaskManager};

use crate::world::{PATIENCE, World, a_task, launch, statuses, until_status, whole_log};

#[tokio::test(flavor = "multi_thread")]
async fn a_shortage_delays_a_session_and_does_not_end_it() {
    let world = World::new(Behavior::EndsTurns);
    world
        .host
        .refuse("git failed to fetch: error: cannot create pipe: Too many open files");
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Provisioning).await;
    // More attempts than a session with another failure has.
    world.host.refused(6).await;
    let session = engine.get_session(id).await.unwrap();
    assert_eq!(session.status, S::Provisioning);
    world.host.accept();
    let log = whole_log(&engine, id).await;
    assert_eq!(
        statuses(&log),
        [S::Queued, S::Provisioning, S::Running, S::Completed]
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_waits_for_the_host_can_be_stopped() {
    let world = World::new(Behavior::EndsTurns);
    world.host.refuse("fork: Resource temporarily unavailable");
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Provisioning).await;
    engine.stop_session(id, None).await.unwrap();
    until_status(&engine, id, S::Stopped).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_are_stored_once_the_disk_has_space() {
    for end in [S::Completed, S::Cancelled] {
        let world = World::new(Behavior::Directed);
        let engine = world.engine().await;
        let id = launch(&engine, a_task()).await;
        until_status(&engine, id, S::Running).await;
        let full = "git failed to write a tree: error: No space left on device";
        world.host.refuse_to_seal(Some(full));
        world.host.end_turn(id);
        tokio::time::sleep(Duration::from_secs(1)).await;
        let session = engine.get_session(id).await.unwrap();
        assert_eq!(session.status, S::Running, "its end waits for its changes");
        match end {
            S::Cancelled => engine.cancel_session(id).await.unwrap(),
            _ => world.host.refuse_to_seal(None),
        }
        let log = whole_log(&engine, id).await;
        assert_eq!(statuses(&log).last(), Some(&end));
        engine.shutdown().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recorder_that_waits_for_the_disk_is_not_killed() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    world.host.set_waiting_for_disk(id, true);
    world.host.hold(S::Stopping);
    let stopping = async { engine.stop_session(id, None).await.unwrap() };
    let disk_has_space_later = async {
        // More than twice the limit of a recorder that hangs.
        for _ in 0..90 {
            world.clock.advance(Duration::from_secs(1));
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(engine.get_session(id).await.unwrap().status, S::Stopping);
        world.host.set_waiting_for_disk(id, false);
        world.host.release(S::Stopping);
    };
    tokio::join!(stopping, disk_has_space_later);
    until_status(&engine, id, S::Stopped).await;
    let reason = engine.get_session(id).await.unwrap().reason;
    assert_eq!(reason.as_deref(), Some("stopped by user"));
    engine.shutdown().await;
}

/// Checks that the engine reports the loss that `lose` causes.
async fn assert_lost(lose: impl FnOnce(&World), reason: &str) {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    engine.readiness().unwrap();
    lose(&world);
    let lost = async {
        let mut lost = engine.lost();
        loop {
            world.clock.advance(Duration::from_secs(2));
            let pause = tokio::time::sleep(Duration::from_millis(20));
            tokio::select! {
                reason = &mut lost => return reason,
                () = pause => {}
            }
        }
    };
    let found = tokio::time::timeout(PATIENCE, lost).await.unwrap();
    assert!(found.contains(reason), "{found}");
    let error = engine.readiness().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    assert!(error.to_string().contains(reason), "{error}");
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_is_emptied_is_noticed() {
    let empty = |world: &World| {
        for entry in fs::read_dir(world.home.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                fs::remove_dir_all(path).unwrap();
            } else {
                fs::remove_file(path).unwrap();
            }
        }
    };
    assert_lost(empty, "removed or replaced").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_is_replaced_or_removed_is_noticed() {
    let replace = |world: &World| {
        let store = world.home.path().join("state.db");
        let copy = world.home.path().join("copy");
        fs::copy(&store, &copy).unwrap();
        fs::rename(copy, store).unwrap();
    };
    assert_lost(replace, "was replaced").await;
    let remove = |world: &World| fs::remove_file(world.home.path().join("state.db")).unwrap();
    assert_lost(remove, "was removed").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_state_folder_that_is_moved_away_is_noticed() {
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("moved");
    let lose = |world: &World| {
        fs::rename(world.home.path(), &target).unwrap();
        // Another folder takes its place.
        fs::create_dir(world.home.path()).unwrap();
    };
    assert_lost(lose, "removed or replaced").await;
}
