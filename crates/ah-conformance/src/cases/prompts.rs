//! Prompts.

use ah_rest_api_contract::{
    Activity, ContentBlock, DeliveryMode, ErrorKind, EventPayload, Message, MessageRole,
    PROMPT_BYTES_MAX, PageRequest, PermissionAnswer, Prompt, PromptDelivery, PromptId,
    PromptReceipt, PromptRequest, PromptState, SessionEvent, SessionId, SessionStatus as S,
};
use serde_json::{Value, json};
use ulid::Ulid;

use crate::World;
use crate::script::{ask, hang, next_turn, say, think};
use crate::world::{refused, refused_for, statuses};

/// An agent that requests permission before it ends its first turn, and repeats the prompts of two
/// others.
fn attentive() -> Value {
    json!([
        think("hm"),
        ask(),
        next_turn(),
        say("{{prompt}}"),
        next_turn(),
        say("{{prompt}}"),
    ])
}

async fn prompt(world: &World, id: SessionId, text: &str, delivery: DeliveryMode) -> PromptReceipt {
    let mut request = PromptRequest::queued(text);
    request.delivery = delivery;
    let receipt = world.manager().prompt_session(id, request).await;
    let receipt = receipt.expect("the session takes prompts");
    assert!(receipt.accepted);
    assert_eq!(receipt.session_id, id);
    receipt
}

async fn prompts(world: &World, id: SessionId) -> Vec<Prompt> {
    let listed = world
        .manager()
        .list_prompts(id, PageRequest::largest())
        .await;
    listed.expect("the session is known").items
}

async fn states(world: &World, id: SessionId) -> Vec<PromptState> {
    prompts(world, id).await.iter().map(|it| it.state).collect()
}

/// Answers the pending request, so that the agent continues.
async fn go_on(world: &World, id: SessionId) {
    let asked = world
        .manager()
        .list_permissions(id, PageRequest::largest())
        .await;
    let asked = asked.expect("the session is known").items.remove(0);
    let allow = PermissionAnswer::Select("allow".into());
    let request = asked.request.request_id;
    let answered = world.manager().answer_permission(id, request, allow).await;
    answered.expect("the request waits");
}

fn messages(log: &[SessionEvent]) -> Vec<(MessageRole, Option<PromptDelivery>, String)> {
    let text = |message: &Message| match &message.content[..] {
        [ContentBlock::Text { text }] => text.clone(),
        other => panic!("one text: {other:?}"),
    };
    let of = |event: &SessionEvent| match &event.payload {
        EventPayload::Message(message) => Some((message.role, message.delivery, text(message))),
        _ => None,
    };
    log.iter().filter_map(of).collect()
}

/// Prompts are queued until the turn has ended, and then delivered one per turn, in order.
pub async fn prompts_wait_for_their_turn(world: &World) {
    let id = world.launch(attentive()).await;
    world.until_asked(id).await;
    let one = prompt(world, id, "one", DeliveryMode::Queue).await;
    let two = prompt(world, id, "two", DeliveryMode::Queue).await;
    assert_eq!(one.delivery, PromptDelivery::Queued);
    let queued = prompts(world, id).await;
    let ids: Vec<PromptId> = queued.iter().map(|prompt| prompt.id).collect();
    assert_eq!(ids, [one.prompt_id, two.prompt_id]);
    assert_eq!(states(world, id).await, [PromptState::Queued; 2]);
    go_on(world, id).await;
    let log = world.whole_log(id).await;
    let prompted = |text: &str| {
        (
            MessageRole::User,
            Some(PromptDelivery::Queued),
            text.to_owned(),
        )
    };
    let answered = |text: &str| (MessageRole::Assistant, None, text.to_owned());
    let first = (
        MessageRole::User,
        Some(PromptDelivery::Initial),
        "do it".to_owned(),
    );
    let expected = [
        first,
        prompted("one"),
        answered("one"),
        prompted("two"),
        answered("two"),
    ];
    assert_eq!(messages(&log), expected);
    assert_eq!(states(world, id).await, [PromptState::Delivered; 2]);
    assert_eq!(statuses(&log).last(), Some(&S::Completed));
}

/// A withdrawn prompt is never delivered. A delivered prompt cannot be withdrawn.
pub async fn prompt_can_be_withdrawn_until_delivered(world: &World) {
    let id = world.launch(attentive()).await;
    world.until_asked(id).await;
    let kept = prompt(world, id, "kept", DeliveryMode::Queue)
        .await
        .prompt_id;
    let taken = prompt(world, id, "taken back", DeliveryMode::Queue)
        .await
        .prompt_id;
    for _ in 0..2 {
        let withdrawn = world.manager().withdraw_prompt(id, taken).await;
        withdrawn.expect("taking back again is a success");
    }
    go_on(world, id).await;
    let log = world.whole_log(id).await;
    assert!(
        messages(&log)
            .iter()
            .all(|(_, _, text)| text != "taken back"),
        "{log:#?}"
    );
    let expected = [PromptState::Delivered, PromptState::Withdrawn];
    assert_eq!(states(world, id).await, expected);
    refused(
        world.manager().withdraw_prompt(id, kept).await,
        ErrorKind::Conflict,
    );
    let unknown = PromptId::from_ulid(Ulid::from_parts(1, 1));
    refused(
        world.manager().withdraw_prompt(id, unknown).await,
        ErrorKind::NotFound,
    );
}

/// A steering prompt reaches the agent during its turn.
pub async fn a_prompt_steers_a_turn(world: &World) {
    let id = world.launch(attentive()).await;
    world.until_asked(id).await;
    let steered = prompt(world, id, "left", DeliveryMode::Steer).await;
    assert_eq!(steered.delivery, PromptDelivery::Steered);
    let is_said = |event: &SessionEvent| {
        matches!(&event.payload, EventPayload::Message(message)
        if message.prompt_id == Some(steered.prompt_id)
            && message.delivery == Some(PromptDelivery::Steered))
    };
    world.until(id, is_said).await;
    let session = world.session(id).await;
    assert_eq!(
        session.activity,
        Some(Activity::AwaitingPermission),
        "its turn goes on"
    );
    go_on(world, id).await;
    world.until_status(id, S::Completed).await;
    assert_eq!(states(world, id).await, [PromptState::Delivered]);
}

/// A prompt starts a turn of an idle agent.
pub async fn prompt_starts_a_turn_of_an_idle_agent(world: &World) {
    let mut task = world.task(&json!([think("hm"), next_turn(), think("on")]));
    task.interactive = true;
    let id = world.launch_task(task).await;
    world
        .until_session(id, |session| session.activity == Some(Activity::Idle))
        .await;
    prompt(world, id, "go on", DeliveryMode::Queue).await;
    world.until_thought(id, "on").await;
    world.manager().cancel_session(id).await.expect("it runs");
}

/// Prompts that are still queued when the session ends are reported as undelivered.
pub async fn queued_prompts_are_undelivered_at_the_end(world: &World) {
    let id = world.running(json!([think("hm"), hang()])).await;
    let late = prompt(world, id, "too late", DeliveryMode::Queue)
        .await
        .prompt_id;
    let stopped = world.manager().stop_session(id, None).await;
    stopped.expect("a running session can be stopped");
    world.until_status(id, S::Stopped).await;
    assert_eq!(states(world, id).await, [PromptState::Undelivered]);
    refused(
        world.manager().withdraw_prompt(id, late).await,
        ErrorKind::Conflict,
    );
}

/// An empty or oversized prompt is refused.
pub async fn prompts_are_validated(world: &World) {
    let id = world.running(json!([think("hm"), hang()])).await;
    let prompt = |text: String| {
        world
            .manager()
            .prompt_session(id, PromptRequest::queued(text))
    };
    refused_for(prompt(String::new()).await, "prompt");
    let large = "x".repeat(PROMPT_BYTES_MAX + 1);
    refused(prompt(large.clone()).await, ErrorKind::PayloadTooLarge);
    world.manager().pause_session(id).await.expect("it runs");
    world.until_status(id, S::Paused).await;
    let resumed = world.manager().resume_session(id, Some(large.into())).await;
    refused(resumed, ErrorKind::PayloadTooLarge);
    assert_eq!(
        world.session(id).await.status,
        S::Paused,
        "nothing of it was done"
    );
    world
        .manager()
        .cancel_session(id)
        .await
        .expect("it is paused");
}
