//! Each verb by example.

use std::time::Duration;

use ah_rest_api_contract::{
    Activity, DeliveryMode, ErrorKind, EventPayload, Prompt, PromptContent, PromptId, PromptState,
    SessionStatus, TaskManagerError,
};
use ulid::Ulid;

use super::{apply, at, exit, feed, provisioning, running, turn_ended};
use crate::end::ProcessEnd;
use crate::expire::TimeLimits;
use crate::{
    Decision, Ending, Request, ShutdownManner, TurnEnd, TurnOutcome, View, cancel, duty, end,
    expire, finish, interrupt, pause, prompt, resume, stop, withdraw,
};

fn a_prompt(n: u64, delivery: DeliveryMode) -> Prompt {
    Prompt::new(
        PromptId::from_ulid(Ulid::from_parts(n, 0)),
        PromptContent::from("more"),
        "user",
        at(0),
    )
    .with_delivery(delivery)
}

fn idle() -> View {
    let mut view = running();
    feed(&mut view, turn_ended(TurnOutcome::Completed));
    view
}

fn kind_of(refusal: crate::Refusal) -> ErrorKind {
    TaskManagerError::from(refusal).kind()
}

#[test]
fn finished_agent_is_shut_down_and_completes() {
    let mut view = idle();
    assert_eq!(view.record.session.activity, Some(Activity::Idle));
    let decision = finish::decide(&view.record, &view.prompts);
    apply(&mut view, decision);
    assert_eq!(view.record.ending, Some(Ending::Complete));
    let finish = Request::Shutdown {
        manner: ShutdownManner::Finish,
    };
    assert_eq!(duty::requests(&view), [finish]);
    let change = end::decide(&view.record, &[], &ProcessEnd::Recorded(exit(0)), at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Completed));
    assert_eq!(change.patch.exit_code, Some(0));
}

#[test]
fn a_session_whose_changes_are_not_kept_is_not_completed() {
    let mut view = idle();
    let decision = finish::decide(&view.record, &view.prompts);
    apply(&mut view, decision);
    let unsealed = |code| ProcessEnd::Unsealed {
        end: exit(code),
        reason: "the changes could not be stored: no space".to_owned(),
    };
    let change = end::decide(&view.record, &[], &unsealed(0), at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Failed));
    assert_eq!(change.patch.exit_code, Some(0));
    let EventPayload::Status(status) = &change.events.last().unwrap().payload else {
        panic!("{change:?}");
    };
    assert_eq!(
        status.reason.as_deref(),
        Some("the changes could not be stored: no space")
    );
    view.record.ending = Some(Ending::Stop);
    view.record.session.status = SessionStatus::Stopping;
    let change = end::decide(&view.record, &[], &unsealed(0), at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Stopped));
}

#[test]
fn a_session_ends_as_requested_when_its_recorder_does_not_answer() {
    let killed = ProcessEnd::RecorderUnresponsive {
        limit: Duration::from_secs(35),
        swept: 2,
    };
    let fail = Ending::Fail {
        reason: "the session exceeded its time limit of 4 s".to_owned(),
    };
    for (ending, status, reason) in [
        (Ending::Stop, SessionStatus::Stopped, "its recorder"),
        (Ending::Cancel, SessionStatus::Cancelled, "its recorder"),
        (
            fail,
            SessionStatus::Failed,
            "the session exceeded its time limit of 4 s; its recorder",
        ),
        (
            Ending::Complete,
            SessionStatus::Failed,
            "recorder lost; its recorder",
        ),
    ] {
        let mut view = running();
        view.record.ending = Some(ending.clone());
        view.record.session.status = SessionStatus::Stopping;
        let change = end::decide(&view.record, &[], &killed, at(2)).unwrap();
        assert_eq!(change.patch.status, Some(status), "{ending:?}");
        let EventPayload::Status(status) = &change.events.last().unwrap().payload else {
            panic!("{change:?}");
        };
        assert_eq!(
            status.reason,
            Some(format!("{reason} did not answer for 35 s and was killed")),
            "{ending:?}"
        );
    }
}

#[test]
fn a_failed_last_turn_fails_the_session_with_its_reason() {
    let mut view = running();
    feed(
        &mut view,
        turn_ended(TurnOutcome::Failed {
            reason: "out of credit".into(),
        }),
    );
    let decision = finish::decide(&view.record, &view.prompts);
    apply(&mut view, decision);
    let change = end::decide(&view.record, &[], &ProcessEnd::Recorded(exit(0)), at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Failed));
    assert_eq!(change.patch.reason, Some(Some("out of credit".to_owned())));
}

#[test]
fn a_non_zero_exit_a_signal_and_an_exit_in_a_turn_are_failures() {
    let cases = [
        (idle(), exit(3), "the agent exited with code 3"),
        (
            running(),
            exit(0),
            "the agent exited in the middle of a turn",
        ),
        (
            idle(),
            crate::AgentEnd {
                signal: Some(9),
                ..Default::default()
            },
            "the agent was ended by signal 9",
        ),
    ];
    for (view, process_end, reason) in cases {
        let change =
            end::decide(&view.record, &[], &ProcessEnd::Recorded(process_end), at(2)).unwrap();
        assert_eq!(change.patch.status, Some(SessionStatus::Failed));
        assert_eq!(change.patch.reason, Some(Some(reason.to_owned())));
    }
}

#[test]
fn agent_that_ends_as_requested_has_completed() {
    let view = idle();
    let let_go = |reason: Option<&str>| crate::AgentEnd {
        signal: Some(2),
        cause: Some(crate::EndCause::Finished),
        reason: reason.map(ToOwned::to_owned),
        ..Default::default()
    };
    let verdict = |end| {
        let change = end::decide(&view.record, &[], &ProcessEnd::Recorded(end), at(2)).unwrap();
        change.patch.status.unwrap()
    };
    assert_eq!(verdict(let_go(None)), SessionStatus::Completed);
    let reason = "SIGINT was needed to end the agent: it did not end with its input";
    assert_eq!(verdict(let_go(Some(reason))), SessionStatus::Failed);
}

#[test]
fn interactive_interrupted_and_prompted_sessions_stay_open() {
    let mut interactive = idle();
    interactive.record.session.interactive = true;
    let mut interrupted = idle();
    interrupted.record.last_turn = Some(TurnEnd::Interrupted);
    let mut prompted = idle();
    let decision = prompt::decide(&prompted.record, a_prompt(1, DeliveryMode::Queue)).unwrap();
    apply(&mut prompted, decision);
    for view in [&interactive, &interrupted, &prompted] {
        assert_eq!(
            finish::decide(&view.record, &view.prompts),
            Decision::Unchanged
        );
    }
}

#[test]
fn prompts_are_delivered_between_turns_and_steered_ones_immediately() {
    let mut view = running();
    for (n, delivery) in [(1, DeliveryMode::Queue), (2, DeliveryMode::Queue)] {
        let decision = prompt::decide(&view.record, a_prompt(n, delivery)).unwrap();
        apply(&mut view, decision);
    }
    assert_eq!(duty::requests(&view), []);
    let decision = prompt::decide(&view.record, a_prompt(3, DeliveryMode::Steer)).unwrap();
    apply(&mut view, decision);
    let steered = |request: &Request| matches!(request, Request::Prompt { steer: true, .. });
    assert!(matches!(duty::requests(&view).as_slice(), [request] if steered(request)));
    feed(&mut view, turn_ended(TurnOutcome::Completed));
    let due = duty::requests(&view);
    let first = PromptId::from_ulid(Ulid::from_parts(1, 0));
    assert!(
        matches!(due.as_slice(), [Request::Prompt { prompt_id, steer: false, .. }] if *prompt_id == first)
    );
}

#[test]
fn prompt_to_an_ending_session_is_gone_and_to_a_paused_one_a_conflict() {
    let mut ending = idle();
    ending.record.ending = Some(Ending::Complete);
    let mut paused = running();
    paused.record.session.status = SessionStatus::Paused;
    let mut ended = running();
    ended.record.session.status = SessionStatus::Completed;
    for (view, kind) in [
        (ending, ErrorKind::Gone),
        (paused, ErrorKind::Conflict),
        (ended, ErrorKind::Gone),
    ] {
        let refusal = prompt::decide(&view.record, a_prompt(1, DeliveryMode::Queue)).unwrap_err();
        assert_eq!(kind_of(refusal), kind);
    }
}

#[test]
fn prompt_can_be_withdrawn_only_while_queued() {
    let mut view = running();
    let waiting = a_prompt(1, DeliveryMode::Queue);
    let decision = prompt::decide(&view.record, waiting.clone()).unwrap();
    apply(&mut view, decision);
    let decision = withdraw::decide(&view.record, &view.prompts, waiting.id).unwrap();
    apply(&mut view, decision);
    assert_eq!(view.prompts[0].state, PromptState::Withdrawn);
    let again = withdraw::decide(&view.record, &view.prompts, waiting.id).unwrap();
    assert_eq!(again, Decision::Unchanged);
    view.prompts[0].state = PromptState::Delivered;
    let refusal = withdraw::decide(&view.record, &view.prompts, waiting.id).unwrap_err();
    assert_eq!(kind_of(refusal), ErrorKind::Conflict);
    let refusal = withdraw::decide(&view.record, &[], waiting.id).unwrap_err();
    assert_eq!(kind_of(refusal), ErrorKind::NotFound);
}

#[test]
fn interrupt_ends_a_turn_once_and_does_not_affect_an_idle_agent() {
    let mut view = running();
    let decision = interrupt::decide(&view.record, at(2)).unwrap();
    apply(&mut view, decision);
    assert_eq!(duty::requests(&view), [Request::Interrupt]);
    assert_eq!(
        interrupt::decide(&view.record, at(2)).unwrap(),
        Decision::Unchanged
    );
    feed(&mut view, turn_ended(TurnOutcome::Interrupted));
    assert!(!view.record.interrupt_requested);
    assert_eq!(
        interrupt::decide(&view.record, at(2)).unwrap(),
        Decision::Unchanged
    );
}

#[test]
fn pause_and_resume_wait_for_confirmation() {
    let mut view = running();
    let decision = pause::decide(&view.record, at(2)).unwrap();
    apply(&mut view, decision);
    assert_eq!(view.record.session.status, SessionStatus::Pausing);
    assert_eq!(duty::requests(&view), [Request::Pause]);
    feed(&mut view, crate::Fact::Paused);
    assert_eq!(view.record.session.status, SessionStatus::Paused);
    assert_eq!(
        pause::decide(&view.record, at(3)).unwrap(),
        Decision::Unchanged
    );
    let decision = resume::decide(&view.record, None, at(3)).unwrap();
    apply(&mut view, decision);
    assert_eq!(duty::requests(&view), [Request::Resume]);
    feed(&mut view, crate::Fact::Resumed);
    assert_eq!(view.record.session.status, SessionStatus::Running);
    assert_eq!(view.record.session.activity, Some(Activity::Working));
}

#[test]
fn session_stopped_while_pausing_is_stopped() {
    let mut view = running();
    let decision = pause::decide(&view.record, at(2)).unwrap();
    apply(&mut view, decision);
    let decision = stop::decide(&view.record, Some("enough".into()), "ann", at(3)).unwrap();
    apply(&mut view, decision);
    feed(&mut view, crate::Fact::Paused);
    assert_eq!(view.record.session.status, SessionStatus::Stopping);
    let end = end::decide(&view.record, &[], &ProcessEnd::Recorded(exit(143)), at(4)).unwrap();
    assert_eq!(end.patch.status, Some(SessionStatus::Stopped));
    assert_eq!(
        end.patch.reason,
        Some(Some("stopped by ann: enough".to_owned()))
    );
}

#[test]
fn cancelling_a_stopping_session_kills_it() {
    let mut view = running();
    let decision = stop::decide(&view.record, None, "ann", at(2)).unwrap();
    apply(&mut view, decision);
    let decision = cancel::decide(&view.record, "bob", at(3)).unwrap();
    let change = apply(&mut view, decision);
    let summaries: Vec<_> = change
        .events
        .iter()
        .map(|it| it.payload.summary())
        .collect();
    assert_eq!(
        summaries,
        ["reason: cancelled by bob"],
        "it was stopping already"
    );
    let kill = Request::Shutdown {
        manner: ShutdownManner::Kill,
    };
    assert_eq!(duty::requests(&view), [kill]);
    let end = end::decide(&view.record, &[], &ProcessEnd::Recorded(exit(0)), at(4)).unwrap();
    assert_eq!(end.patch.status, Some(SessionStatus::Cancelled));
    assert_eq!(end.patch.hidden, Some(true));
}

#[test]
fn queued_session_ends_immediately() {
    for (verb, expected) in [
        ("stop", SessionStatus::Stopped),
        ("cancel", SessionStatus::Cancelled),
    ] {
        let mut view = provisioning();
        view.record.session.status = SessionStatus::Queued;
        let decision = match verb {
            "stop" => stop::decide(&view.record, None, "ann", at(2)),
            _ => cancel::decide(&view.record, "ann", at(2)),
        };
        apply(&mut view, decision.unwrap());
        assert_eq!(view.record.session.status, expected);
        assert_eq!(view.record.session.ended_at, Some(at(2)));
    }
}

#[test]
fn expired_session_fails_and_idle_session_is_stopped() {
    let limits = TimeLimits {
        idle: Duration::from_secs(100),
    };
    let mut long = running();
    long.record.launch.timeout_ms = Some(10_000);
    assert_eq!(expire::deadline(&long, limits), Some(at(11)));
    assert_eq!(
        expire::decide(&long, limits, at(10)).unwrap(),
        Decision::Unchanged
    );
    let decision = expire::decide(&long, limits, at(11)).unwrap();
    apply(&mut long, decision);
    let reason = "the session exceeded its time limit of 10 s".to_owned();
    assert_eq!(long.record.ending, Some(Ending::Fail { reason }));
    assert_eq!(
        expire::deadline(&long, limits),
        None,
        "it is ending already"
    );

    let mut idle = idle();
    idle.record.session.interactive = true;
    idle.record.session.updated_at = at(5);
    let decision = expire::decide(&idle, limits, at(105)).unwrap();
    apply(&mut idle, decision);
    assert_eq!(idle.record.session.status, SessionStatus::Stopping);
    assert_eq!(idle.record.ending, Some(Ending::Stop));
}

#[test]
fn lost_recorder_is_reported_with_the_killed_processes() {
    let view = running();
    let process_end = ProcessEnd::RecorderLost { swept: 2 };
    let change = end::decide(&view.record, &[], &process_end, at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Failed));
    let reason = change.patch.reason.flatten().unwrap();
    assert!(
        reason.starts_with("recorder lost") && reason.contains("2 processes"),
        "{reason}"
    );
}

#[test]
fn ingested_records_are_not_ingested_again() {
    let mut view = running();
    let before = view.record.journal;
    let change = feed(&mut view, turn_ended(TurnOutcome::Completed));
    assert_eq!(view.record.journal.0, before.0 + 1);
    assert_eq!(change.patch.journal, Some(view.record.journal));
}

#[test]
fn agent_has_finished_only_after_its_last_turn() {
    let with = |outcome: Option<TurnOutcome>, status: SessionStatus| {
        let mut view = running();
        match outcome {
            Some(outcome) => drop(feed(&mut view, turn_ended(outcome))),
            None => view.record.session.activity = Some(Activity::Idle),
        }
        view.record.session.status = status;
        view
    };
    let failed = || TurnOutcome::Failed {
        reason: "it broke".into(),
    };
    let cases = [
        (Some(TurnOutcome::Completed), SessionStatus::Running, None),
        (Some(failed()), SessionStatus::Running, Some("it broke")),
        (
            Some(TurnOutcome::Interrupted),
            SessionStatus::Running,
            Some("no prompt followed"),
        ),
        (
            None,
            SessionStatus::Running,
            Some("before it had finished a turn"),
        ),
        (
            Some(TurnOutcome::Completed),
            SessionStatus::Paused,
            Some("while it was paused"),
        ),
    ];
    for (outcome, status, reason) in cases {
        let view = with(outcome, status);
        let change = end::decide(&view.record, &[], &ProcessEnd::Recorded(exit(0)), at(2)).unwrap();
        match reason {
            None => assert_eq!(change.patch.status, Some(SessionStatus::Completed)),
            Some(words) => {
                assert_eq!(change.patch.status, Some(SessionStatus::Failed));
                let reason = change.patch.reason.flatten().unwrap();
                assert!(reason.contains(words), "{reason}");
            }
        }
    }
}

#[test]
fn failed_pause_keeps_the_session_running_with_the_reason() {
    let mut view = running();
    let decision = pause::decide(&view.record, at(2)).unwrap();
    apply(&mut view, decision);
    let reason = "one would not stop".to_owned();
    feed(&mut view, crate::Fact::PauseFailed { reason });
    assert_eq!(view.record.session.status, SessionStatus::Running);
    let reason = view.record.session.reason.clone().unwrap();
    assert_eq!(reason, "it could not be paused: one would not stop");
}

#[test]
fn agent_session_id_is_recorded() {
    let mut view = running();
    let ready = |version: &str, agent_session_id: Option<&str>| crate::Fact::AgentReady {
        version: Some(version.to_owned()),
        agent_session_id: agent_session_id.map(ToOwned::to_owned),
    };
    feed(&mut view, ready("1", Some("ses_1")));
    feed(&mut view, ready("2", None));
    assert_eq!(view.record.session.agent.version.as_deref(), Some("2"));
    assert_eq!(view.record.agent_session_id.as_deref(), Some("ses_1"));
}

#[test]
fn end_by_the_recorder_is_reported_like_an_end_by_the_engine() {
    use crate::EndCause;
    let by = |cause, reason: &str| crate::AgentEnd {
        cause: Some(cause),
        reason: Some(reason.to_owned()),
        ..exit(0)
    };
    let view = idle();
    let idle_end = ProcessEnd::Recorded(by(EndCause::Idle, "it received no prompt"));
    let change = end::decide(&view.record, &[], &idle_end, at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Stopped));
    assert_eq!(change.events.len(), 2, "stopping, then stopped");
    let late = ProcessEnd::Recorded(by(
        EndCause::TimedOut,
        "the session exceeded its time limit of 5 s",
    ));
    let change = end::decide(&view.record, &[], &late, at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Failed));
    let unattended = ProcessEnd::Recorded(crate::AgentEnd {
        cause: Some(EndCause::Unattended),
        ..exit(0)
    });
    let change = end::decide(&view.record, &[], &unattended, at(2)).unwrap();
    assert_eq!(change.patch.status, Some(SessionStatus::Completed));
}

#[test]
fn a_sent_prompt_is_not_left_open_by_a_lost_recorder() {
    let mut view = idle();
    view.prompts = vec![
        a_prompt(1, DeliveryMode::Queue),
        a_prompt(2, DeliveryMode::Queue),
    ];
    view.prompts[0].state = PromptState::Sent;
    let lost = ProcessEnd::RecorderLost { swept: 0 };
    let change = end::decide(&view.record, &[], &lost, at(2)).unwrap();
    view.apply(&change);
    let states: Vec<PromptState> = view.prompts.iter().map(|it| it.state).collect();
    assert_eq!(states, [PromptState::Undelivered; 2]);
}
