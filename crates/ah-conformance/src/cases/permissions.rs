//! Permission requests.

use std::time::Duration;

use ah_rest_api_contract::{
    Activity, ErrorKind, EventPayload, PageRequest, Permission, PermissionAction, PermissionAnswer,
    PermissionId, PermissionOutcome, PermissionPolicy, PermissionResolved, PermissionState,
    SessionEvent, SessionId, SessionStatus as S,
};
use serde_json::{Value, json};
use ulid::Ulid;

use crate::World;
use crate::script::{ask, hang, tell_answer, think};
use crate::world::{refused, refused_for, statuses, thoughts};

/// An agent that requests permission, thinks `granted` or `denied`, and hangs.
fn cautious() -> Value {
    json!([think("hm"), ask(), tell_answer(), hang()])
}

/// Returns the only request of the session.
async fn permission(world: &World, id: SessionId) -> Permission {
    let listed = world
        .manager()
        .list_permissions(id, PageRequest::largest())
        .await;
    let mut listed = listed.expect("the session is known").items;
    assert_eq!(listed.len(), 1);
    listed.remove(0)
}

fn resolved(log: &[SessionEvent]) -> &PermissionResolved {
    let of = |event: &SessionEvent| matches!(event.payload, EventPayload::PermissionResolved(_));
    match log
        .iter()
        .find(|event| of(event))
        .map(|event| &event.payload)
    {
        Some(EventPayload::PermissionResolved(resolved)) => resolved,
        _ => panic!("it was settled: {log:#?}"),
    }
}

/// A request stays pending until it is answered, and the answer determines the agent's next step.
pub async fn a_request_waits_for_its_answer(world: &World) {
    let allow = PermissionAnswer::Select("allow".into());
    let deny = PermissionAnswer::Select("deny".into());
    for (answer, outcome, tells) in [
        (allow, PermissionOutcome::Selected, "granted"),
        (deny, PermissionOutcome::Selected, "denied"),
        (
            PermissionAnswer::Cancel,
            PermissionOutcome::Cancelled,
            "denied",
        ),
    ] {
        let id = world.launch(cautious()).await;
        world.until_asked(id).await;
        let session = world.session(id).await;
        assert_eq!(session.activity, Some(Activity::AwaitingPermission));
        let asked = permission(world, id).await;
        assert_eq!(asked.state, PermissionState::Pending);
        let request = asked.request.request_id;
        let given = world.manager().answer_permission(id, request, answer).await;
        let given = given.expect("the request waits");
        assert_eq!(given.request, asked.request);
        assert_ne!(given.state, PermissionState::Pending);
        let log = world.until_thought(id, tells).await;
        let resolution = resolved(&log);
        assert_eq!(
            (resolution.request_id, resolution.outcome),
            (request, outcome)
        );
        let settled = permission(world, id).await;
        assert_eq!(settled.state, PermissionState::Resolved);
        assert_eq!(settled.resolution.as_ref(), Some(resolution));
        let session = world.session(id).await;
        assert_eq!(session.activity, Some(Activity::Working));
        world.manager().cancel_session(id).await.expect("it runs");
    }
}

/// A request is answered once, with one of its options.
pub async fn a_request_is_answered_once(world: &World) {
    let id = world.launch(cautious()).await;
    world.until_asked(id).await;
    let request = permission(world, id).await.request.request_id;
    let answer = |request, option: &str| {
        let answer = PermissionAnswer::Select(option.to_owned());
        world.manager().answer_permission(id, request, answer)
    };
    refused_for(answer(request, "maybe").await, "optionId");
    let unknown = PermissionId::from_ulid(Ulid::from_parts(1, 1));
    refused(answer(unknown, "allow").await, ErrorKind::NotFound);
    answer(request, "deny").await.expect("the request waits");
    refused(answer(request, "allow").await, ErrorKind::Conflict);
    let log = world.until_thought(id, "denied").await;
    assert!(!thoughts(&log).contains(&"granted"));
    refused(answer(request, "deny").await, ErrorKind::Conflict);
    let stopped = world.manager().stop_session(id, None).await;
    stopped.expect("a running session can be stopped");
    world.until_status(id, S::Stopped).await;
    refused(answer(request, "allow").await, ErrorKind::Gone);
}

/// A request without an answer expires, and is resolved by the policy.
pub async fn a_request_expires(world: &World) {
    for (on_timeout, option, tells) in [
        (PermissionAction::Deny, "deny", "denied"),
        (PermissionAction::Allow, "allow", "granted"),
    ] {
        let mut task = world.task(&cautious());
        task.permissions = PermissionPolicy {
            on_timeout,
            timeout_ms: 1000,
            ..PermissionPolicy::default()
        };
        let id = world.launch_task(task).await;
        world.until_asked(id).await;
        let asked = permission(world, id).await;
        let waits = asked.request.expires_at.since(asked.created_at);
        assert_eq!(waits, Duration::from_secs(1));
        world.advance(Duration::from_secs(2)).await;
        let log = world.until_thought(id, tells).await;
        let resolution = resolved(&log);
        assert_eq!(resolution.outcome, PermissionOutcome::Expired);
        assert_eq!(resolution.option_id.as_deref(), Some(option));
        assert_eq!(resolution.by, "timeout");
        world.manager().cancel_session(id).await.expect("it runs");
    }
}

/// A decision of the task's policy applies immediately.
pub async fn policy_answers_immediately(world: &World) {
    for (action, tells) in [
        (PermissionAction::Allow, "granted"),
        (PermissionAction::Deny, "denied"),
    ] {
        let mut task = world.task(&cautious());
        task.permissions = PermissionPolicy::without_rules(action);
        let id = world.launch_task(task).await;
        let log = world.until_thought(id, tells).await;
        assert_eq!(resolved(&log).by, "policy");
        world.manager().cancel_session(id).await.expect("it runs");
    }
}

/// A request can be answered while the session is paused. The agent continues once it is resumed.
pub async fn an_answer_waits_for_a_paused_agent(world: &World) {
    let id = world.launch(cautious()).await;
    world.until_asked(id).await;
    world.manager().pause_session(id).await.expect("it runs");
    world.until_status(id, S::Paused).await;
    let request = permission(world, id).await.request.request_id;
    let allow = PermissionAnswer::Select("allow".into());
    let given = world.manager().answer_permission(id, request, allow).await;
    given.expect("the request waits");
    world
        .until(id, |event| {
            matches!(event.payload, EventPayload::PermissionResolved(_))
        })
        .await;
    let resumed = world.manager().resume_session(id, None).await;
    resumed.expect("it is paused");
    let log = world.until_thought(id, "granted").await;
    let sequence = statuses(&log);
    assert!(
        sequence.contains(&S::Resuming),
        "it stood still until then: {sequence:?}"
    );
    world.manager().cancel_session(id).await.expect("it runs");
}

/// A pending request is resolved before the end of its turn or session is reported.
pub async fn request_ends_with_its_turn(world: &World) {
    let interrupted = world.launch(cautious()).await;
    world.until_asked(interrupted).await;
    let done = world.manager().interrupt_session(interrupted).await;
    done.expect("it is on a turn");
    world
        .until_session(interrupted, |session| {
            session.activity == Some(Activity::Idle)
        })
        .await;
    let stopped = world.launch(cautious()).await;
    world.until_asked(stopped).await;
    for id in [interrupted, stopped] {
        let done = world.manager().stop_session(id, None).await;
        done.expect("a running session can be stopped");
        let log = world.whole_log(id).await;
        assert_eq!(resolved(&log).outcome, PermissionOutcome::Cancelled);
        let settled = permission(world, id).await;
        assert_eq!(settled.state, PermissionState::Resolved);
    }
}
