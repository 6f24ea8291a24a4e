//! Pause, resume, interrupt, stop and cancel, in every status.

use ah_rest_api_contract::{
    Activity, Admission, ErrorKind, PromptRequest, REASON_CHARS_MAX, Session, SessionAction,
    SessionId, SessionQuery, SessionStatus as S, TaskManagerError,
};
use serde_json::json;

use crate::World;
use crate::script::{exit, hang, next_turn, think};
use crate::world::{refused, refused_for, statuses, thoughts};

/// Creates a session that stays in this status.
async fn session_in(world: &World, status: S) -> SessionId {
    let running = || world.running(json!([think("hm"), hang()]));
    let manager = world.manager();
    let done = "a running session may be told so";
    match status {
        S::Queued | S::Provisioning => {
            world.hold(S::Provisioning).await;
            if status == S::Queued {
                for _ in 0..world.slots() {
                    world.launch(json!([think("hm"), hang()])).await;
                }
            }
            let id = world.launch(json!([think("hm"), hang()])).await;
            world.until(id, |event| event.seq.get() == 1).await;
            if status == S::Provisioning {
                world.until_status(id, status).await;
            }
            id
        }
        S::Running => running().await,
        S::Pausing | S::Paused | S::Resuming => {
            let id = running().await;
            if status != S::Paused {
                world.hold(status).await;
            }
            manager.pause_session(id).await.expect(done);
            if status == S::Resuming {
                world.until_status(id, S::Paused).await;
                manager.resume_session(id, None).await.expect(done);
            }
            world.until_status(id, status).await;
            id
        }
        S::Stopping | S::Stopped => {
            let id = running().await;
            if status == S::Stopping {
                world.hold(status).await;
            }
            manager.stop_session(id, None).await.expect(done);
            world.until_status(id, status).await;
            id
        }
        S::Completed => ended(world, json!([think("hm")]), status).await,
        S::Failed => ended(world, json!([exit(1)]), status).await,
        S::Unknown => unreachable!("`ALL` has no unknown status"),
        S::Cancelled => {
            let id = running().await;
            manager.cancel_session(id).await.expect(done);
            id
        }
    }
}

async fn ended(world: &World, timeline: serde_json::Value, status: S) -> SessionId {
    let id = world.launch(timeline).await;
    world.until_status(id, status).await;
    id
}

async fn ask_for(
    world: &World,
    id: SessionId,
    action: SessionAction,
) -> Result<(), TaskManagerError> {
    let manager = world.manager();
    match action {
        SessionAction::Prompt => {
            let more = PromptRequest::queued("more");
            manager.prompt_session(id, more).await.map(drop)
        }
        SessionAction::Interrupt => manager.interrupt_session(id).await.map(drop),
        SessionAction::Pause => manager.pause_session(id).await.map(drop),
        SessionAction::Resume => manager.resume_session(id, None).await.map(drop),
        SessionAction::Stop => manager.stop_session(id, None).await.map(drop),
        SessionAction::Cancel | SessionAction::AnswerPermission => {
            unreachable!("these are asked for by cases of their own")
        }
    }
}

/// Checks the result of `action` in this status against the contract's table.
async fn is_admitted_as_the_contract_says(world: &World, action: SessionAction, status: S) {
    let id = session_in(world, status).await;
    let result = ask_for(world, id, action).await;
    match status.admits(action) {
        Admission::Perform | Admission::Repeat => {
            result.unwrap_or_else(|error| panic!("{action:?} in {status}: {error}"));
        }
        Admission::Conflict => {
            let error = refused(result, ErrorKind::Conflict);
            let message = error.to_string();
            assert!(
                message.contains(status.as_str()),
                "the status is named: {message}"
            );
        }
        Admission::Ended if action == SessionAction::Prompt => {
            refused(result, ErrorKind::Gone);
        }
        Admission::Ended => {
            refused(result, ErrorKind::Conflict);
        }
    }
    let left = match (status, action) {
        (_, SessionAction::Stop) if !status.is_terminal() => None,
        (S::Running, SessionAction::Pause) => None,
        (S::Paused, SessionAction::Resume) => None,
        _ => Some(status),
    };
    if let Some(status) = left {
        assert_eq!(world.session(id).await.status, status, "after {action:?}");
    }
    clean_up(world, id, status).await;
}

/// Releases the session and ends it with a legal transition.
async fn clean_up(world: &World, id: SessionId, held: S) {
    world.release(held).await;
    world.release(S::Provisioning).await;
    let listed = world.manager().list_sessions(SessionQuery::default()).await;
    for session in listed.expect("sessions are listed").items {
        let cancelled = world.manager().cancel_session(session.id).await;
        cancelled.expect("any session can be cancelled");
    }
    statuses(&world.whole_log(id).await);
}

async fn in_every_status(world: &World, action: SessionAction) {
    for status in S::ALL {
        is_admitted_as_the_contract_says(world, action, status).await;
    }
}

/// A session accepts prompts until it has ended.
pub async fn prompting_from_every_status(world: &World) {
    in_every_status(world, SessionAction::Prompt).await;
}

/// A turn can be interrupted while the session runs.
pub async fn interrupting_from_every_status(world: &World) {
    in_every_status(world, SessionAction::Interrupt).await;
}

/// A running session can be paused. Pausing it again succeeds.
pub async fn pausing_from_every_status(world: &World) {
    in_every_status(world, SessionAction::Pause).await;
}

/// A paused session can be resumed. Resuming it again succeeds.
pub async fn resuming_from_every_status(world: &World) {
    in_every_status(world, SessionAction::Resume).await;
}

/// A session that has not ended can be stopped. Stopping it again succeeds.
pub async fn stopping_from_every_status(world: &World) {
    in_every_status(world, SessionAction::Stop).await;
}

/// Every session can be cancelled. An active one has ended when the call returns, and an ended one
/// is only hidden.
pub async fn cancelling_from_every_status(world: &World) {
    for status in S::ALL {
        let id = session_in(world, status).await;
        let shared = world.shared();
        #[expect(clippy::disallowed_methods, reason = "the case joins it")]
        let cancelling = tokio::spawn(async move { shared.cancel_session(id).await });
        if status == S::Stopping {
            world
                .until_session(id, |session| {
                    session
                        .reason
                        .as_deref()
                        .is_some_and(|it| it.starts_with("cancelled"))
                })
                .await;
        }
        world.release(status).await;
        let cancelled = cancelling.await.expect("it is answered");
        cancelled.unwrap_or_else(|error| panic!("in {status}: {error}"));
        let session = world.session(id).await;
        let expected = if status.is_terminal() {
            status
        } else {
            S::Cancelled
        };
        assert_eq!(session.status, expected);
        assert_eq!(session.activity, None);
        if expected == S::Cancelled {
            assert_eq!(session.workspace, None);
        }
        let again = world.manager().cancel_session(id).await;
        again.expect("cancelling again is a success");
        assert!(!listed(world, SessionQuery::default()).await.contains(&id));
        let hidden_too = SessionQuery {
            include_archived: true,
            ..SessionQuery::default()
        };
        assert!(listed(world, hidden_too).await.contains(&id));
        clean_up(world, id, status).await;
    }
}

async fn listed(world: &World, query: SessionQuery) -> Vec<SessionId> {
    let page = world.manager().list_sessions(query).await;
    let page = page.expect("sessions are listed");
    page.items.iter().map(|session| session.id).collect()
}

/// A paused session does not progress, and continues with its prompts once resumed.
pub async fn paused_session_continues_where_it_was(world: &World) {
    let id = world
        .running(json!([think("hm"), hang(), next_turn(), think("on")]))
        .await;
    let pausing = world.manager().pause_session(id).await.expect("it runs");
    assert!(matches!(pausing.status, S::Pausing | S::Paused));
    world.until_status(id, S::Paused).await;
    let resumed = world
        .manager()
        .resume_session(id, Some("go on".into()))
        .await;
    assert!(matches!(
        resumed.expect("it is paused").status,
        S::Resuming | S::Running
    ));
    let is_back = |session: &Session| session.status == S::Running;
    world.until_session(id, is_back).await;
    let interrupted = world.manager().interrupt_session(id).await;
    interrupted.expect("it runs");
    let log = world.whole_log(id).await;
    assert_eq!(thoughts(&log), ["hm", "on"]);
    let expected = [
        S::Queued,
        S::Provisioning,
        S::Running,
        S::Pausing,
        S::Paused,
        S::Resuming,
        S::Running,
        S::Completed,
    ];
    assert_eq!(statuses(&log), expected);
}

/// An interrupt ends the turn but not the session, which waits for a prompt.
pub async fn an_interrupted_session_waits_for_a_prompt(world: &World) {
    let id = world
        .running(json!([think("hm"), hang(), next_turn(), think("on")]))
        .await;
    let interrupted = world.manager().interrupt_session(id).await;
    interrupted.expect("it runs");
    let is_idle = |session: &Session| session.activity == Some(Activity::Idle);
    let session = world.until_session(id, is_idle).await;
    assert_eq!(session.status, S::Running);
    let again = world.manager().interrupt_session(id).await;
    again.expect("without a turn it does nothing");
    let more = PromptRequest::queued("go on");
    world
        .manager()
        .prompt_session(id, more)
        .await
        .expect("it waits for that");
    let log = world.whole_log(id).await;
    assert_eq!(thoughts(&log), ["hm", "on"]);
    assert_eq!(statuses(&log).last(), Some(&S::Completed));
}

/// The reason of a stop is recorded, and must be valid text.
pub async fn stop_records_its_reason(world: &World) {
    let id = world.running(json!([think("hm"), hang()])).await;
    let stop = |reason: String| world.manager().stop_session(id, Some(reason));
    refused_for(stop(String::new()).await, "reason");
    refused_for(stop("x".repeat(REASON_CHARS_MAX + 1)).await, "reason");
    assert_eq!(world.session(id).await.status, S::Running);
    let stopping = stop("enough".into()).await.expect("it runs");
    assert!(matches!(stopping.status, S::Stopping | S::Stopped));
    let session = world.until_status(id, S::Stopped).await;
    let reason = session.reason.unwrap_or_default();
    assert!(
        reason.starts_with("stopped by ") && reason.ends_with(": enough"),
        "{reason}"
    );
}

/// A session that is stopped at any moment of its start ends, with legal transitions.
pub async fn stop_at_any_time_ends_the_session(world: &World) {
    for _ in 0..8 {
        let id = world.launch(json!([think("hm"), hang()])).await;
        let stopped = world.manager().stop_session(id, None).await;
        stopped.expect("a session that has not ended can be stopped");
        let log = world.whole_log(id).await;
        assert_eq!(statuses(&log).last(), Some(&S::Stopped));
    }
}
