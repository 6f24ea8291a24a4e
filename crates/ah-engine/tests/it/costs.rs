//! The cost of decisions and of ingestion, counted in rows.

use std::sync::Arc;

use ah_engine::testing::Behavior;
use ah_lifecycle::Request;
use ah_rest_api_contract::{
    EventPayload, PageRequest, Prompt, PromptContent, PromptId, PromptRequest, PromptState,
    SessionId, SessionStatus as S, TaskManager, Timestamp,
};
use ah_store::{Guard, PromptWrite, SessionWrite, Store};
use ulid::Ulid;

use crate::test_store::TestStore;
use crate::world::{World, a_task, launch, until, until_status};

/// Adds `count` delivered prompts to the session's history.
async fn add_history(store: &dyn Store, session: SessionId, first: u64, count: u64) {
    let now = Timestamp::from_unix_millis(1_800_000_000_000);
    let mut write = SessionWrite::new(session, Guard::default(), now);
    for number in first..first + count {
        let id = PromptId::from_ulid(Ulid::from_parts(number, 7));
        write.prompts.push(PromptWrite::Enqueue(Prompt::new(
            id,
            PromptContent::from("again"),
            "user",
            now,
        )));
    }
    let ids = write.prompts.clone();
    store.write(write).await.unwrap();
    let mut write = SessionWrite::new(session, Guard::default(), now);
    for prompt in ids {
        let PromptWrite::Enqueue(prompt) = prompt else {
            unreachable!("only new prompts were written")
        };
        write
            .prompts
            .push(PromptWrite::Set(prompt.id, PromptState::Delivered));
    }
    store.write(write).await.unwrap();
}

/// Prompts, withdraws and ingests, and returns the most rows that one read returned.
async fn work(
    world: &World,
    engine: &dyn TaskManager,
    store: &TestStore,
    id: SessionId,
    mark: &str,
) -> u64 {
    store.take();
    let prompted = |text: &str| PromptRequest::queued(PromptContent::from(text));
    let first = engine.prompt_session(id, prompted("on")).await.unwrap();
    engine.withdraw_prompt(id, first.prompt_id).await.unwrap();
    world
        .host
        .asked(id, |request| {
            matches!(request, Request::Withdraw { prompt_id } if *prompt_id == first.prompt_id)
        })
        .await;
    let decided = store.take();
    assert!(decided.0 > 0, "a decision reads the queue");
    let thought = async |thought: &str| {
        until(
            engine,
            id,
            |event| matches!(event, EventPayload::Thought(it) if it.thought == thought),
        )
        .await;
    };
    // The supervisor may look at the decision once more, before it takes this event.
    let caught_up = format!("{mark}: caught up");
    world.host.thought(id, &caught_up);
    thought(&caught_up).await;
    store.take();
    // It has caught up with all decisions, and ingests without a read.
    for number in 0..20 {
        world.host.thought(id, &format!("{mark} {number}"));
    }
    thought(&format!("{mark} 19")).await;
    assert_eq!(store.take(), (0, 0), "ingestion reads no queue");
    decided.1
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_decision_reads_as_many_rows_at_prompt_1000_as_at_prompt_10() {
    let world = World::new(Behavior::Directed);
    let store = Arc::new(TestStore::new(world.store().await));
    let engine = world.engine_on(store.clone()).await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;

    add_history(store.as_ref(), id, 0, 10).await;
    let early = work(&world, &engine, &store, id, "early").await;
    add_history(store.as_ref(), id, 10, 990).await;
    let late = work(&world, &engine, &store, id, "late").await;
    store.take();
    let page = engine
        .list_prompts(id, PageRequest::default())
        .await
        .unwrap();
    assert_eq!(page.total, 1_002);
    assert_eq!(store.take(), (1, 50), "a list reads its page only");
    assert_eq!(early, late);
    assert!(late <= 2, "{late} rows");
    engine.shutdown().await;
}
