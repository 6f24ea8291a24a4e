//! Replies to commands during the output of an agent.

use std::sync::Arc;

use ah_engine::LocalTaskManager;
use ah_engine::testing::Behavior;
use ah_rest_api_contract::{
    AccessPoint, EventPayload, Session, SessionId, SessionStatus as S, TaskManager, Usage,
};
use ah_store::{EventLog as _, Sessions as _};

use crate::once::{once, sealed};
use crate::test_store::TestStore;
use crate::world::{World, a_task, launch, until, until_status};

/// Pauses the session through `commands`. The agent reports its usage between the decision and its
/// write.
async fn pause_during_output(
    world: &World,
    store: &Arc<TestStore>,
    commands: &LocalTaskManager,
    id: SessionId,
) -> Session {
    until(commands, id, |event| matches!(event, EventPayload::Turn(_))).await;
    let (host, log) = (world.host.clone(), store.clone());
    store.before_next_command(async move {
        let mut head = log.watch_session(id);
        let usage = Usage {
            output_tokens: 7,
            ..Usage::default()
        };
        host.event(id, EventPayload::Usage(usage));
        while log.session(id).await.unwrap().session.usage.is_none() {
            head.changed().await.unwrap();
        }
    });
    commands.pause_session(id).await.unwrap()
}

/// Checks that the reply includes the agent's event and the decision.
async fn assert_complete(engine: &dyn TaskManager, reply: &Session) {
    let log = until(
        engine,
        reply.id,
        |event| matches!(event, EventPayload::Status(change) if change.status == S::Pausing),
    )
    .await;
    let decision = log.last().unwrap();
    assert!(
        reply.last_seq >= decision.seq,
        "{} {}",
        reply.last_seq,
        decision.seq
    );
    assert_eq!(reply.status, S::Pausing);
    let usage = reply.usage.as_ref().unwrap();
    assert_eq!(usage.output_tokens, 7);
    // A reader that goes on from the reply misses nothing.
    let mut followed = reply.clone();
    let session = until_status(engine, reply.id, S::Paused).await;
    for event in until(
        engine,
        reply.id,
        |event| matches!(event, EventPayload::Status(change) if change.status == S::Paused),
    )
    .await
    {
        followed.apply(&event);
    }
    assert_eq!(followed, session);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_includes_the_events_before_its_commit() {
    let world = World::new(Behavior::Directed);
    let store = Arc::new(TestStore::new(world.store().await));
    let engine = world.engine_on(store.clone()).await;
    let id = launch(&engine, a_task()).await;
    let reply = pause_during_output(&world, &store, &engine, id).await;
    assert_complete(&engine, &reply).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_has_the_reply_with_the_events_before_its_commit() {
    let world = World::new(Behavior::Directed);
    let store = Arc::new(TestStore::new(world.store().await));
    let engine = world.engine_on(store.clone()).await;
    let id = launch(&engine, a_task()).await;
    let reply = pause_during_output(&world, &store, &once(&engine, "pause"), id).await;
    let receipt = engine.receipt("pause").await.unwrap().unwrap();
    assert_eq!(receipt.bytes, sealed(&reply).into_bytes());
    assert_complete(&engine, &reply).await;
    engine.shutdown().await;
}
