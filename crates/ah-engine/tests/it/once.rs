//! Idempotent requests, which are carried out once.

use std::sync::Arc;

use ah_engine::LocalTaskManager;
use ah_engine::testing::Behavior;
use ah_rest_api_contract::{
    AccessPoint, AlreadyDone, Caller, DraftUpdate, PageRequest, PromptRequest, ReceiptTemplate,
    SessionStatus as S, TaskLaunchParams, TaskManager, Timestamp,
};
use futures::future::join_all;

use crate::world::{World, a_task, launch, until_status};

/// The text before the result in each receipt.
const PREFIX: &str = "made by the test\n";

/// Returns the receipt of a request with this result.
pub(crate) fn sealed(result: &impl serde::Serialize) -> String {
    PREFIX.to_owned() + &serde_json::to_string(result).unwrap()
}

/// Returns the engine for a request with an idempotency key.
pub(crate) fn once(engine: &LocalTaskManager, key: &str) -> LocalTaskManager {
    let receipt = ReceiptTemplate {
        key: key.into(),
        fingerprint: "f".into(),
        prefix: PREFIX.into(),
        // A time far beyond the tests.
        expires_at: Timestamp::from_unix_millis(4_000_000_000_000),
    };
    engine.on_behalf_of(Caller {
        principal: "ann".into(),
        receipt: Some(receipt),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_twenty_concurrent_launches_is_executed() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let racer = Arc::new(once(&engine, "launch"));
    let results = join_all((0..20).map(|_| {
        let racer = racer.clone();
        async move {
            racer
                .launch_task(TaskLaunchParams::try_from(a_task()).unwrap())
                .await
        }
    }))
    .await;
    let (launched, refused): (Vec<_>, Vec<_>) = results.into_iter().partition(Result::is_ok);
    assert_eq!(launched.len(), 1);
    let receipt = sealed(launched[0].as_ref().unwrap()).into_bytes();
    for error in refused {
        let error = error.unwrap_err();
        assert_eq!(AlreadyDone::receipt_in(&error).unwrap().bytes, receipt);
    }
    assert_eq!(
        engine
            .list_sessions(Default::default())
            .await
            .unwrap()
            .total,
        1
    );
    engine.shutdown().await;

    let restarted = world.engine().await;
    let kept = restarted.receipt("launch").await.unwrap().unwrap();
    assert_eq!(kept.bytes, receipt);
    restarted.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_stops_and_drafts_are_executed_once() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    let prompt = PromptRequest::queued("more");
    once(&engine, "prompt")
        .prompt_session(id, prompt.clone())
        .await
        .unwrap();
    let again = once(&engine, "prompt")
        .prompt_session(id, prompt)
        .await
        .unwrap_err();
    assert!(AlreadyDone::receipt_in(&again).is_some());
    let prompts = engine
        .list_prompts(id, PageRequest::largest())
        .await
        .unwrap()
        .items;
    assert_eq!(prompts.len(), 1);
    assert_eq!(prompts[0].author, "ann");

    once(&engine, "save")
        .save_draft_task(DraftUpdate::default())
        .await
        .unwrap();
    let again = once(&engine, "save")
        .save_draft_task(DraftUpdate::default())
        .await
        .unwrap_err();
    assert!(AlreadyDone::receipt_in(&again).is_some());
    assert_eq!(engine.get_initial_tasks().await.unwrap().drafts.total, 1);

    engine.stop_session(id, None).await.unwrap();
    until_status(&engine, id, S::Stopped).await;
    // The session has stopped already, so nothing changes. The reply is stored all the same.
    let stopped = once(&engine, "stop").stop_session(id, None).await.unwrap();
    let again = once(&engine, "stop")
        .stop_session(id, None)
        .await
        .unwrap_err();
    let kept = AlreadyDone::receipt_in(&again).unwrap();
    assert_eq!(kept.bytes, sealed(&stopped).into_bytes());
    engine.shutdown().await;
}
