use ah_recorder::protocol::{JournalEntry, JournalRecord, Request};
use ah_rest_api_contract::{
    EventPayload, PermissionAction, PermissionAnswer, PermissionId, PermissionOutcome,
    PermissionPolicy, PermissionResolved,
};

use crate::fixture::{Attended, Session};

fn resolved(record: &JournalRecord) -> Option<&PermissionResolved> {
    match &record.entry {
        JournalEntry::Event(EventPayload::PermissionResolved(resolved)) => Some(resolved),
        _ => None,
    }
}

pub(crate) async fn next_request(attended: &mut Attended) -> PermissionId {
    let record = attended
        .until(|record| {
            matches!(
                record.entry,
                JournalEntry::Event(EventPayload::PermissionRequest(_))
            )
        })
        .await;
    match record.entry {
        JournalEntry::Event(EventPayload::PermissionRequest(request)) => request.request_id,
        _ => unreachable!(),
    }
}

pub(crate) async fn next_resolution(attended: &mut Attended) -> PermissionResolved {
    let record = attended.until(|record| resolved(record).is_some()).await;
    resolved(&record).unwrap().clone()
}

#[tokio::test]
async fn answer_reaches_the_agent_once() {
    let session = Session::new("ask a\nask b");
    let mut attended = session.begin().await;
    let first = next_request(&mut attended).await;
    let answer = |id, option: &str, by: &str| Request::Answer {
        request_id: id,
        answer: PermissionAnswer::Select(option.to_owned()),
        by: by.to_owned(),
    };
    attended.send(answer(first, "maybe", "ann")).await;
    attended.send(answer(first, "no", "bob")).await;
    attended.send(answer(first, "yes", "cat")).await;
    let resolution = next_resolution(&mut attended).await;
    assert_eq!(
        (resolution.request_id, resolution.by.as_str()),
        (first, "bob")
    );
    assert_eq!(resolution.outcome, PermissionOutcome::Selected);
    attended.until_log("answer for \"a\": \"no\"").await;
    let second = next_request(&mut attended).await;
    let by = "dan".to_owned();
    attended
        .send(Request::Answer {
            request_id: second,
            answer: PermissionAnswer::Cancel,
            by,
        })
        .await;
    attended.until_log("answer for \"b\": null").await;
    attended.until_turn_end().await;
    assert_eq!(session.journal().iter().filter_map(resolved).count(), 2);
}

#[tokio::test]
async fn policy_answers_where_possible() {
    let mut session = Session::new("ask a\nask b");
    session.spec.permissions = serde_json::from_value(serde_json::json!({
        "default": "deny", "rules": [{"path": "a", "action": "allow"}]}))
    .unwrap();
    let mut attended = session.begin().await;
    assert_eq!(next_resolution(&mut attended).await.by, "policy");
    attended.until_log("answer for \"a\": \"yes\"").await;
    attended.until_log("answer for \"b\": \"no\"").await;
}

#[tokio::test]
async fn expired_request_gets_the_answer_of_the_policy() {
    let mut session = Session::new("ask a");
    session.spec.permissions = PermissionPolicy {
        on_timeout: PermissionAction::Allow,
        timeout_ms: 20,
        ..PermissionPolicy::default()
    };
    let mut attended = session.begin().await;
    let resolution = next_resolution(&mut attended).await;
    assert_eq!(
        (resolution.outcome, resolution.by.as_str()),
        (PermissionOutcome::Expired, "timeout")
    );
    assert_eq!(resolution.option_id.as_deref(), Some("yes"));
    attended.until_log("answer for \"a\": \"yes\"").await;
}

#[tokio::test]
async fn interruption_withdraws_the_permission_request() {
    let session = Session::new("ask a");
    let mut attended = session.begin().await;
    next_request(&mut attended).await;
    attended.send(Request::Interrupt).await;
    let resolution = next_resolution(&mut attended).await;
    assert_eq!(
        (resolution.outcome, resolution.by.as_str()),
        (PermissionOutcome::Cancelled, "agent")
    );
    attended.until_turn_end().await;
    // The withdrawal that followed has no effect on the next turn.
    attended.prompt("log next").await;
    attended.until_log("next").await;
}
