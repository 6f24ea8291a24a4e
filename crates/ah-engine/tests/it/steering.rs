//! Commands, from this engine and from another one on the same store.

use ah_engine::Clock;
use ah_engine::testing::Behavior;
use ah_lifecycle::Request;
use ah_rest_api_contract::{
    Activity, ErrorKind, EventPayload, PageRequest, PermissionAnswer, PermissionId,
    PermissionOption, PermissionOptionKind, PermissionOutcome, PermissionRequested,
    PermissionState, PromptRequest, PromptState, SessionId, SessionStatus as S, TaskManager,
};
use ulid::Ulid;

use crate::world::{World, a_task, launch, statuses, until, until_status, whole_log};

fn requests_permission(world: &World, id: SessionId) -> PermissionId {
    let request_id = PermissionId::from_ulid(Ulid::from_parts(1, 1));
    let option = |id: &str, kind| PermissionOption::new(id, id, kind);
    world.host.event(
        id,
        EventPayload::PermissionRequest(PermissionRequested::new(
            request_id,
            "runCmd",
            serde_json::Map::new(),
            vec![
                option("yes", PermissionOptionKind::AllowOnce),
                option("no", PermissionOptionKind::RejectOnce),
            ],
            world.clock.now(),
        )),
    );
    request_id
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_paused_resumed_and_stopped() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    assert_eq!(engine.pause_session(id).await.unwrap().status, S::Pausing);
    until_status(&engine, id, S::Paused).await;
    assert!(world.host.is_frozen(id));
    let refused = engine
        .prompt_session(id, PromptRequest::queued("more"))
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    assert!(refused.to_string().contains("resume it first"), "{refused}");
    engine.resume_session(id, None).await.unwrap();
    engine
        .stop_session(id, Some("enough".into()))
        .await
        .unwrap();
    let log = whole_log(&engine, id).await;
    let seen = statuses(&log);
    assert_eq!(
        &seen[..6],
        [
            S::Queued,
            S::Provisioning,
            S::Running,
            S::Pausing,
            S::Paused,
            S::Resuming
        ]
    );
    assert_eq!(seen.last(), Some(&S::Stopped));
    engine
        .stop_session(id, None)
        .await
        .expect("stopping a stopped session is a success");
    let refused = engine.pause_session(id).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_are_queued_delivered_in_order_and_withdrawn() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    let mut ids = Vec::new();
    for text in ["one", "two", "three"] {
        let receipt = engine
            .prompt_session(id, PromptRequest::queued(text))
            .await
            .unwrap();
        ids.push(receipt.prompt_id);
    }
    engine.withdraw_prompt(id, ids[1]).await.unwrap();
    world.host.end_turn(id);
    let delivered = |n: usize| {
        let wanted = ids[n];
        move |event: &EventPayload| matches!(event, EventPayload::Message(message) if message.prompt_id == Some(wanted))
    };
    until(&engine, id, delivered(0)).await;
    let refused = engine.withdraw_prompt(id, ids[0]).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Conflict);
    world.host.end_turn(id);
    until(&engine, id, delivered(2)).await;
    world.host.end_turn(id);
    until_status(&engine, id, S::Completed).await;
    let states: Vec<_> = engine
        .list_prompts(id, PageRequest::largest())
        .await
        .unwrap()
        .items
        .iter()
        .map(|p| p.state)
        .collect();
    assert_eq!(
        states,
        [
            PromptState::Delivered,
            PromptState::Withdrawn,
            PromptState::Delivered
        ]
    );
    let gone = engine
        .prompt_session(id, PromptRequest::queued("late"))
        .await
        .unwrap_err();
    assert_eq!(gone.kind(), ErrorKind::Gone);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_interrupted_session_waits_for_a_prompt() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    engine.interrupt_session(id).await.unwrap();
    world
        .host
        .asked(id, |request| *request == Request::Interrupt)
        .await;
    world.host.thought(id, "interrupted");
    until(&engine, id, |event| {
        matches!(event, EventPayload::Thought(_))
    })
    .await;
    let session = engine.get_session(id).await.unwrap();
    assert_eq!(
        (session.status, session.activity),
        (S::Running, Some(Activity::Idle))
    );
    engine
        .prompt_session(id, PromptRequest::queued("go on"))
        .await
        .unwrap();
    world
        .host
        .asked(id, |request| matches!(request, Request::Prompt { .. }))
        .await;
    world.host.end_turn(id);
    until_status(&engine, id, S::Completed).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn permission_is_answered_once_and_delivered_to_the_agent() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    let request = requests_permission(&world, id);
    until(&engine, id, |event| {
        matches!(event, EventPayload::PermissionRequest(_))
    })
    .await;
    let session = engine.get_session(id).await.unwrap();
    assert_eq!(session.activity, Some(Activity::AwaitingPermission));

    let select = |option: &str| PermissionAnswer::Select(option.into());
    let wrong = engine
        .answer_permission(id, request, select("maybe"))
        .await
        .unwrap_err();
    assert!(
        !wrong.problem().errors.get("optionId").is_empty(),
        "{wrong}"
    );
    let answered = engine
        .answer_permission(id, request, select("yes"))
        .await
        .unwrap();
    assert_eq!(answered.state, PermissionState::Answered);
    until(&engine, id, |event| {
        matches!(event, EventPayload::PermissionResolved(_))
    })
    .await;
    let settled = engine
        .list_permissions(id, PageRequest::largest())
        .await
        .unwrap()
        .items
        .remove(0);
    assert_eq!(settled.state, PermissionState::Resolved);
    let resolution = settled.resolution.unwrap();
    assert_eq!(resolution.outcome, PermissionOutcome::Selected);
    assert_eq!(resolution.option_id.as_deref(), Some("yes"));
    let again = engine
        .answer_permission(id, request, select("no"))
        .await
        .unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Conflict);
    let unknown = PermissionId::from_ulid(Ulid::from_parts(9, 9));
    let unknown = engine
        .answer_permission(id, unknown, select("no"))
        .await
        .unwrap_err();
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    let session = engine.get_session(id).await.unwrap();
    assert_eq!(session.activity, Some(Activity::Working));
    world.host.end_turn(id);
    until_status(&engine, id, S::Completed).await;
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn open_permission_request_is_resolved_at_the_end() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    requests_permission(&world, id);
    until(&engine, id, |event| {
        matches!(event, EventPayload::PermissionRequest(_))
    })
    .await;
    engine.stop_session(id, None).await.unwrap();
    let log = whole_log(&engine, id).await;
    let settled = |event: &EventPayload| {
        matches!(event, EventPayload::PermissionResolved(resolved)
            if resolved.outcome == PermissionOutcome::Cancelled)
    };
    assert!(log.iter().any(|event| settled(&event.payload)), "{log:#?}");
    let permissions = engine
        .list_permissions(id, PageRequest::largest())
        .await
        .unwrap()
        .items;
    assert_eq!(permissions[0].state, PermissionState::Resolved);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn cancelled_session_is_hidden_and_its_workspace_removed() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    engine.cancel_session(id).await.unwrap();
    let session = engine.get_session(id).await.unwrap();
    assert_eq!((session.status, session.workspace), (S::Cancelled, None));
    assert_eq!(world.host.discarded(), [id]);
    engine
        .cancel_session(id)
        .await
        .expect("cancelling a cancelled session is a success");
    let listed = engine.list_sessions(Default::default()).await.unwrap();
    assert_eq!(listed.total, 0);
    let diff = engine
        .get_session_diff(id, Default::default())
        .await
        .unwrap_err();
    assert_eq!(diff.kind(), ErrorKind::Conflict);
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_reach_a_session_owned_by_another_engine() {
    let world = World::new(Behavior::Directed);
    let owner = world.engine().await;
    let other = world.engine().await;
    let id = launch(&owner, a_task()).await;
    until_status(&other, id, S::Running).await;
    other.pause_session(id).await.unwrap();
    until_status(&other, id, S::Paused).await;
    owner.resume_session(id, None).await.unwrap();
    until(&other, id, |event| {
        matches!(event, EventPayload::Status(change)
            if change.status == S::Running && change.previous == Some(S::Resuming))
    })
    .await;
    let request = requests_permission(&world, id);
    until(&other, id, |event| {
        matches!(event, EventPayload::PermissionRequest(_))
    })
    .await;
    let answer = PermissionAnswer::Select("no".into());
    let answered = other.answer_permission(id, request, answer).await.unwrap();
    assert_eq!(answered.state, PermissionState::Answered);
    until(&other, id, |event| {
        matches!(event, EventPayload::PermissionResolved(_))
    })
    .await;
    other.cancel_session(id).await.unwrap();
    other.shutdown().await;
    owner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn command_from_another_engine_arrives_during_agent_output() {
    let world = World::new(Behavior::Directed);
    let owner = world.engine().await;
    let other = world.engine().await;
    for _ in 0..5 {
        let id = launch(&owner, a_task()).await;
        until_status(&other, id, S::Running).await;
        let host = world.host.clone();
        let noise = tokio::spawn(async move {
            for n in 0..2_000 {
                host.thought(id, &n.to_string());
                tokio::task::yield_now().await;
            }
        });
        other.stop_session(id, None).await.unwrap();
        let log = whole_log(&other, id).await;
        assert_eq!(statuses(&log).last(), Some(&S::Stopped));
        noise.await.unwrap();
    }
    other.shutdown().await;
    owner.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failed_removal_of_the_workspace_does_not_prevent_cancellation() {
    let world = World::new(Behavior::Directed);
    world.host.keep_workspaces();
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    engine.cancel_session(id).await.unwrap();
    let log = whole_log(&engine, id).await;
    assert_eq!(statuses(&log).last(), Some(&S::Cancelled));
    let is_logged = |event: &EventPayload| matches!(event, EventPayload::Log(log) if log.message.contains("could not be removed: it is immutable"));
    assert!(
        log.iter().any(|event| is_logged(&event.payload)),
        "{log:#?}"
    );
    engine.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn temporary_host_failure_does_not_affect_the_session() {
    let world = World::new(Behavior::Directed);
    let engine = world.engine().await;
    let id = launch(&engine, a_task()).await;
    until_status(&engine, id, S::Running).await;
    world.host.end_turn(id);
    world.host.fail(3);
    let session = until_status(&engine, id, S::Completed).await;
    assert_eq!(session.exit_code, Some(0));
    engine.shutdown().await;
}
