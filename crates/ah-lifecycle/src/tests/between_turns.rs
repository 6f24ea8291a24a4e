//! Agents that work between their turns.

use ah_rest_api_contract::{
    Activity, EventPayload, PermissionId, PermissionRequested, Prompt, PromptContent,
    PromptDelivery, PromptId,
};
use ulid::Ulid;

use super::{apply, at, feed, running, turn_ended};
use crate::{
    Fact, JournalEntry, JournalPosition, JournalRecord, Request, TurnOutcome, View, duty, expire,
    finish, interrupt, permission, prompt,
};

fn between_turns() -> View {
    let mut view = running();
    feed(&mut view, turn_ended(TurnOutcome::Completed));
    view
}

fn ingest(view: &mut View, event: EventPayload) {
    let next = JournalPosition(view.record.journal.0 + 1);
    let record = JournalRecord {
        ts: at(1),
        entry: JournalEntry::Event(event),
        raw: None,
    };
    crate::ingest::convert(view, &[(record, next)]).unwrap();
}

fn request() -> PermissionRequested {
    PermissionRequested::new(
        PermissionId::from_ulid(Ulid::nil()),
        "execute",
        serde_json::Map::new(),
        Vec::new(),
        at(600),
    )
}

fn works(view: &mut View, activity: Activity) {
    feed(view, Fact::Activity { activity });
}

fn activity(view: &View) -> Option<Activity> {
    view.record.session.activity
}

#[test]
fn a_settled_request_leaves_the_activity_that_it_interrupted() {
    for in_turn in [true, false] {
        let mut view = if in_turn { running() } else { between_turns() };
        ingest(&mut view, EventPayload::PermissionRequest(request()));
        assert_eq!(activity(&view), Some(Activity::AwaitingPermission));
        let resolved = permission::withdrawn(&request(), "timeout");
        ingest(&mut view, EventPayload::PermissionResolved(resolved));
        let expected = if in_turn {
            Activity::Working
        } else {
            Activity::Idle
        };
        assert_eq!(activity(&view), Some(expected));
    }
}

#[test]
fn a_session_that_works_between_turns_is_not_idle_and_not_finished() {
    let limits = expire::TimeLimits {
        idle: std::time::Duration::from_secs(1),
    };
    let mut view = between_turns();
    view.record.session.interactive = true;
    works(&mut view, Activity::Working);
    assert_eq!(expire::deadline(&view, limits), None);
    works(&mut view, Activity::Idle);
    assert!(expire::deadline(&view, limits).is_some());
    let mut view = between_turns();
    works(&mut view, Activity::Working);
    assert_eq!(
        finish::decide(&view.record, &[]),
        crate::Decision::Unchanged
    );
    works(&mut view, Activity::Idle);
    assert_ne!(
        finish::decide(&view.record, &[]),
        crate::Decision::Unchanged
    );
}

#[test]
fn a_prompt_does_not_wait_for_the_end_of_work_between_turns() {
    let queued = Prompt::new(
        PromptId::from_ulid(Ulid::from_parts(1, 0)),
        PromptContent::from("more"),
        "user",
        at(0),
    );
    let mut view = between_turns();
    works(&mut view, Activity::Working);
    let decision = prompt::decide(&view.record, queued.clone()).unwrap();
    apply(&mut view, decision);
    assert!(matches!(
        duty::requests(&view)[..],
        [Request::Prompt { .. }]
    ));
    let (prompt_id, delivery) = (queued.id, PromptDelivery::Queued);
    feed(
        &mut view,
        Fact::TurnStarted {
            prompt_id,
            delivery,
        },
    );
    assert_eq!(duty::requests(&view), [], "the next one waits for the turn");
}

#[test]
fn an_interruption_is_over_when_the_agent_is_idle() {
    let mut view = between_turns();
    works(&mut view, Activity::Working);
    let decision = interrupt::decide(&view.record, at(2)).unwrap();
    apply(&mut view, decision);
    assert_eq!(duty::requests(&view), [Request::Interrupt]);
    assert_eq!(activity(&view), Some(Activity::Interrupting));
    works(&mut view, Activity::Idle);
    assert!(!view.record.interrupt_requested);
    assert_eq!(duty::requests(&view), []);
}
