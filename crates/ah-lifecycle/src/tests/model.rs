//! Random commands and facts, checked against a model that knows only statuses.

use ah_rest_api_contract::{
    Activity, Admission, ChangeSummary, EventPayload, ExecutorId, PermissionOption,
    PermissionOptionKind, PermissionPolicy, PermissionRequested, PermissionState, Prompt,
    PromptContent, PromptDelivery, PromptId, PromptState, SessionAction, SessionStatus,
    SessionUpdate, SessionWorkspace, Thought, TurnChange, Usage, WorkspaceProvider,
};
use proptest::prelude::*;
use ulid::Ulid;

use super::{apply, at, exit, feed, provisioning};
use crate::end::ProcessEnd;
use crate::{
    Change, Decision, Fact, Refusal, ShutdownManner, TurnOutcome, View, answer, cancel, end,
    finish, interrupt, pause, prompt, resume, start, stop,
};

#[expect(clippy::large_enum_variant, reason = "few of them exist at a time")]
#[derive(Clone, Debug)]
enum Step {
    Ask(SessionAction),
    AgentStarts,
    Provisioned,
    AgentReady,
    TurnStarts,
    TurnEnds(TurnOutcome),
    AgentAsksLeave,
    ActivityChanges(Activity),
    RequestResolved,
    Event(EventPayload),
    Counted(u64),
    HostPaused,
    HostResumed,
    Finish,
    AgentGoes(i32),
    RecorderDies,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::sample::select(SessionAction::ALL.to_vec()).prop_map(Step::Ask),
        2 => Just(Step::AgentStarts),
        1 => Just(Step::Provisioned),
        1 => Just(Step::AgentReady),
        1 => Just(Step::TurnStarts),
        2 => Just(Step::TurnEnds(TurnOutcome::Completed)),
        1 => Just(Step::TurnEnds(TurnOutcome::Interrupted)),
        1 => Just(Step::TurnEnds(TurnOutcome::Failed { reason: "no".into() })),
        2 => Just(Step::AgentAsksLeave),
        1 => prop::sample::select(Activity::ALL.to_vec()).prop_map(Step::ActivityChanges),
        1 => Just(Step::RequestResolved),
        1 => event().prop_map(Step::Event),
        1 => (0..3_u64).prop_map(Step::Counted),
        2 => Just(Step::HostPaused),
        2 => Just(Step::HostResumed),
        2 => Just(Step::Finish),
        1 => (0..3i32).prop_map(Step::AgentGoes),
        1 => Just(Step::RecorderDies),
    ]
}

/// Returns an event of the agent. The last ones are not an agent's to send.
fn event() -> impl Strategy<Value = EventPayload> {
    let mut forged = SessionUpdate::default();
    forged.reason = Some("forged".into());
    prop::sample::select(vec![
        EventPayload::Usage(Usage {
            input_tokens: 3,
            cached_tokens: Some(1),
            ..Usage::default()
        }),
        EventPayload::Thought(Thought::new("hm")),
        EventPayload::Turn(TurnChange::started(PromptId::from_ulid(Ulid::nil()))),
        EventPayload::SessionUpdate(forged),
    ])
}

/// Returns the status that the model expects after a step; `None` if the step has no effect.
fn expected(status: SessionStatus, step: &Step, view: &View) -> Option<SessionStatus> {
    use SessionAction as A;
    use SessionStatus as S;
    match (step, status) {
        (Step::Ask(A::Pause), S::Running) if view.record.ending.is_none() => Some(S::Pausing),
        (Step::Ask(A::Resume), S::Paused) => Some(S::Resuming),
        (Step::Ask(A::Stop), S::Queued) => Some(S::Stopped),
        (Step::Ask(A::Cancel), S::Queued) => Some(S::Cancelled),
        (
            Step::Ask(A::Stop | A::Cancel),
            S::Provisioning | S::Running | S::Pausing | S::Paused | S::Resuming,
        ) => Some(S::Stopping),
        (Step::AgentStarts, S::Provisioning) => Some(S::Running),
        (Step::HostPaused, S::Pausing) => Some(S::Paused),
        (Step::HostResumed, S::Resuming) => Some(S::Running),
        _ => None,
    }
}

fn request_of(view: &View) -> PermissionRequested {
    let n = view.permissions.len() as u64 + 1;
    PermissionRequested::new(
        ah_rest_api_contract::PermissionId::from_ulid(Ulid::from_parts(n, 0)),
        "runCmd",
        serde_json::Map::new(),
        vec![PermissionOption::new(
            "yes",
            "Yes",
            PermissionOptionKind::AllowOnce,
        )],
        at(600),
    )
}

fn ask(view: &View, action: SessionAction, n: u64) -> Result<Decision, Refusal> {
    let now = at(5);
    match action {
        SessionAction::Prompt => prompt::decide(
            &view.record,
            Prompt::new(
                PromptId::from_ulid(Ulid::from_parts(n, 7)),
                PromptContent::from("more"),
                "user",
                now,
            ),
        ),
        SessionAction::Interrupt => interrupt::decide(&view.record, now),
        SessionAction::Pause => pause::decide(&view.record, now),
        SessionAction::Resume => resume::decide(&view.record, None, now),
        SessionAction::Stop => stop::decide(&view.record, None, "user", now),
        SessionAction::Cancel => cancel::decide(&view.record, "user", now),
        SessionAction::AnswerPermission => {
            let pending = view
                .permissions
                .iter()
                .map(|p| p.permission.request.request_id)
                .next();
            let id = pending.unwrap_or_else(|| request_of(view).request_id);
            let answer = ah_rest_api_contract::PermissionAnswer::Select("yes".into());
            answer::decide(&view.record, &view.permissions, id, answer, "user")
        }
    }
}

fn of_event(view: &mut View, payload: EventPayload) -> Change {
    use crate::{JournalEntry, JournalRecord};
    let next = crate::JournalPosition(view.record.journal.0 + 1);
    let record = JournalRecord {
        ts: at(1),
        entry: JournalEntry::Event(payload),
        raw: None,
    };
    crate::ingest::convert(view, &[(record, next)])
        .expect("events fit any state")
        .change
}

fn take(view: &mut View, step: &Step, n: u64) -> Result<Change, Refusal> {
    let over = view.record.session.status.is_terminal();
    Ok(match step {
        Step::Ask(action) => {
            let decision = ask(view, *action, n)?;
            apply(view, decision)
        }
        // The agent of an ended session sends nothing.
        _ if over => Change::default(),
        Step::AgentStarts => feed(view, Fact::AgentStarted { pid: 1 }),
        Step::Provisioned => {
            let workspace =
                SessionWorkspace::new(WorkspaceProvider::Empty, "/w", ExecutorId::local());
            let commit = Some(format!("{n:x}"));
            let change = start::provisioned(&view.record, workspace, commit, at(2));
            view.apply(&change);
            change
        }
        Step::AgentReady => feed(
            view,
            Fact::AgentReady {
                version: Some("2.0".into()),
                agent_session_id: None,
            },
        ),
        Step::TurnStarts => feed(
            view,
            Fact::TurnStarted {
                prompt_id: PromptId::from_ulid(Ulid::from_parts(n, 7)),
                delivery: PromptDelivery::Queued,
            },
        ),
        Step::TurnEnds(outcome) => feed(
            view,
            Fact::TurnEnded {
                prompt_id: None,
                outcome: outcome.clone(),
            },
        ),
        Step::AgentAsksLeave => {
            let request = request_of(view);
            of_event(view, EventPayload::PermissionRequest(request))
        }
        Step::ActivityChanges(activity) => feed(
            view,
            Fact::Activity {
                activity: *activity,
            },
        ),
        Step::RequestResolved => {
            let unsettled = view
                .permissions
                .iter()
                .find(|it| it.permission.state != PermissionState::Resolved);
            match unsettled.map(|it| it.permission.request.clone()) {
                Some(request) => {
                    let resolved = crate::permission::withdrawn(&request, "user");
                    of_event(view, EventPayload::PermissionResolved(resolved))
                }
                None => Change::default(),
            }
        }
        Step::Event(payload) => of_event(view, payload.clone()),
        Step::Counted(files_changed) => {
            let mut update = SessionUpdate::default();
            update.changes = Some(ChangeSummary {
                files_changed: *files_changed,
                ..ChangeSummary::default()
            });
            let change = Change::of_update(update, at(3));
            view.apply(&change);
            change
        }
        Step::HostPaused => feed(view, Fact::Paused),
        Step::HostResumed => feed(view, Fact::Resumed),
        Step::Finish => {
            let decision = finish::decide(&view.record, &view.prompts);
            apply(view, decision)
        }
        Step::AgentGoes(_) | Step::RecorderDies => Change::default(),
    })
}

fn leave(view: &mut View, step: &Step) -> Option<Change> {
    let status = view.record.session.status;
    let process_end = match step {
        // A frozen agent does not exit by itself.
        Step::AgentGoes(_) if status == SessionStatus::Paused => return None,
        Step::AgentGoes(code) => ProcessEnd::Recorded(exit(*code)),
        Step::RecorderDies => ProcessEnd::RecorderLost { swept: 0 },
        _ => return None,
    };
    if status.is_terminal() || status == SessionStatus::Queued {
        return None;
    }
    if status == SessionStatus::Provisioning && matches!(step, Step::AgentGoes(0)) {
        return None;
    }
    let change = end::decide(&view.record, &view.permissions, &process_end, at(9))
        .expect("a session may end from any status that has an agent");
    view.apply(&change);
    Some(change)
}

fn statuses(change: &Change) -> Vec<(Option<SessionStatus>, SessionStatus)> {
    change
        .events
        .iter()
        .filter_map(|event| match &event.payload {
            EventPayload::Status(status) => Some((status.previous, status.status)),
            _ => None,
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn state_machine_keeps_its_invariants(
        queued in any::<bool>(),
        interactive in any::<bool>(),
        steps in prop::collection::vec(step(), 1..40),
    ) {
        let mut view = provisioning();
        view.record.session.interactive = interactive;
        view.record.launch.permissions = PermissionPolicy::default();
        if queued {
            view.record.session.status = SessionStatus::Queued;
        }
        let mut folded = view.record.session.clone();
        for (n, step) in steps.iter().enumerate() {
            let before = view.clone();
            let status = before.record.session.status;
            if queued && status == SessionStatus::Queued && !matches!(step, Step::Ask(_)) {
                continue;
            }
            let result = take(&mut view, step, n as u64);
            if let Step::Ask(action) = step {
                check_admission(&before, *action, &result)?;
            }
            let Ok(change) = result else {
                prop_assert_eq!(&view, &before, "what is refused changes nothing");
                continue;
            };
            let change = leave(&mut view, step).unwrap_or(change);
            let now = view.record.session.status;
            check_chain(status, now, &change)?;
            if !matches!(step, Step::AgentGoes(_) | Step::RecorderDies) {
                let expected = expected(status, step, &before).unwrap_or(status);
                prop_assert_eq!(now, expected, "after {:?}", step);
            }
            check_invariants(&view)?;
            for event in &change.events {
                folded.apply_payload(&event.payload, event.ts);
            }
            prop_assert_eq!(&folded, &view.record.session, "the log tells everything");
        }
    }
}

/// Checks that the result of an action agrees with the contract's table.
fn check_admission(
    before: &View,
    action: SessionAction,
    result: &Result<Change, Refusal>,
) -> Result<(), TestCaseError> {
    let admission = before.record.session.status.admits(action);
    let kept = match admission {
        Admission::Conflict => {
            matches!(
                result,
                Err(Refusal::Status { .. } | Refusal::Unknown { .. })
            )
        }
        Admission::Ended => matches!(result, Err(Refusal::Ended { .. } | Refusal::Unknown { .. })),
        Admission::Repeat => result == &Ok(Change::default()),
        Admission::Perform => !matches!(result, Err(Refusal::Illegal { .. })),
    };
    prop_assert!(
        kept,
        "{:?} is {:?} and came to {:?}",
        action,
        admission,
        result
    );
    Ok(())
}

/// Checks that `status` events are linked, each by a legal transition.
fn check_chain(
    before: SessionStatus,
    after: SessionStatus,
    change: &Change,
) -> Result<(), TestCaseError> {
    let mut at = before;
    for (previous, status) in statuses(change) {
        prop_assert_eq!(previous, Some(at));
        prop_assert!(at.may_become(status), "{} to {}", at, status);
        at = status;
    }
    prop_assert_eq!(at, after, "every change of status is told");
    Ok(())
}

fn check_invariants(view: &View) -> Result<(), TestCaseError> {
    let session = &view.record.session;
    if session.status.is_terminal() {
        prop_assert!(session.ended_at.is_some());
        prop_assert_eq!(session.activity, None);
        prop_assert!(view.prompts.iter().all(|p| p.state != PromptState::Queued));
        let open = |p: &crate::PermissionRecord| p.permission.state != PermissionState::Resolved;
        prop_assert!(!view.permissions.iter().any(open));
        prop_assert!(crate::duty::requests(view).is_empty());
    } else {
        prop_assert_eq!(session.ended_at, None);
    }
    if session.status == SessionStatus::Stopping {
        prop_assert!(
            view.record.ending.is_some(),
            "a stopping session knows how it ends"
        );
        let shutdown = crate::duty::requests(view);
        let polite = |r: &_| {
            matches!(
                r,
                crate::Request::Shutdown {
                    manner: ShutdownManner::Stop | ShutdownManner::Kill,
                }
            )
        };
        let asked = shutdown.len() == 1 && shutdown.iter().all(polite);
        prop_assert!(asked, "{:?}", shutdown);
    }
    Ok(())
}
