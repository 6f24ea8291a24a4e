//! The conversion of a recorder's journal to a session's log. It is pure, so that it can be
//! repeated after a concurrent decision.

use ah_rest_api_contract::{
    Activity, EventPayload, Log, LogLevel, MessageRole, Permission, PermissionState,
    PromptDelivery, PromptId, PromptState, SessionUpdate, StopReason, Timestamp, TurnChange, Usage,
};

use crate::turns::Work;
use crate::{
    AgentEnd, Change, Decision, Fact, JournalEntry, JournalPosition, JournalRecord, NewEvent,
    PermissionWrite, PromptWrite, Refusal, TurnEnd, TurnOutcome, View, pause, resume, start,
};

/// The result of a part of the journal.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Ingested {
    /// The change, including the journal's position.
    pub change: Change,
    /// The agent's end, if the part contains it. The final status is written with its position, and
    /// only after no process of the session is left.
    pub ended: Option<RecordedEnd>,
    /// True if files of the workspace may have changed.
    pub files_touched: bool,
}

/// The agent's end as the journal records it.
#[derive(Clone, Debug, PartialEq)]
pub struct RecordedEnd {
    /// The end.
    pub end: AgentEnd,
    /// The time of the end.
    pub at: Timestamp,
    /// The position after it.
    pub next: JournalPosition,
}

/// Converts records, each with the position after it. `view` is updated by the change.
pub fn convert(
    view: &mut View,
    records: &[(JournalRecord, JournalPosition)],
) -> Result<Ingested, Refusal> {
    let mut ingested = Ingested::default();
    for (record, next) in records {
        let change = match &record.entry {
            JournalEntry::Event(payload) => {
                ingested.files_touched |= touches_files(payload);
                of_event(view, payload, record.ts)
            }
            JournalEntry::Attachment(part) => Change {
                attachments: vec![part.clone()],
                ..Change::default()
            },
            JournalEntry::Fact(Fact::Ended(end)) => {
                ingested.ended = Some(RecordedEnd {
                    end: end.clone(),
                    at: record.ts,
                    next: *next,
                });
                return Ok(ingested);
            }
            JournalEntry::Fact(fact) => {
                ingested.files_touched |= matches!(fact, Fact::TurnEnded { .. });
                of_fact(view, fact, record.ts)?
            }
        };
        view.apply(&change);
        ingested.change.merge(change);
        ingested.change.patch.journal = Some(*next);
        view.record.journal = *next;
    }
    Ok(ingested)
}

fn touches_files(payload: &EventPayload) -> bool {
    matches!(
        payload,
        EventPayload::FileEdit(_) | EventPayload::Diff(_) | EventPayload::ToolResult(_)
    )
}

fn of_event(view: &View, payload: &EventPayload, ts: Timestamp) -> Change {
    let mut change = Change::default();
    let mut payload = payload.clone();
    let mut activity = None;
    match &payload {
        EventPayload::Message(message) if message.role == MessageRole::User => {
            let sent = message.prompt_id.filter(|id| {
                message.delivery != Some(PromptDelivery::Initial)
                    && view.prompts.iter().any(|p| {
                        p.id == *id
                            && matches!(p.state, PromptState::Queued | PromptState::Withdrawn)
                    })
            });
            change
                .prompts
                .extend(sent.map(|id| PromptWrite::Set(id, PromptState::Sent)));
        }
        EventPayload::Message(message) => change.patch.last_message = message.excerpt(),
        EventPayload::PermissionRequest(request) => {
            change
                .permissions
                .push(PermissionWrite::Open(Permission::new(request.clone(), ts)));
            activity = Some(Activity::AwaitingPermission);
        }
        EventPayload::PermissionResolved(resolved) => {
            change
                .permissions
                .push(PermissionWrite::Resolve(resolved.clone()));
            let others = view.permissions.iter().any(|p| {
                p.permission.state != PermissionState::Resolved
                    && p.permission.request.request_id != resolved.request_id
            });
            if view.record.session.activity == Some(Activity::AwaitingPermission) {
                // The recorder adds the open tool calls of an agent between turns.
                let work = Work {
                    in_turn: view.record.is_in_turn(),
                    is_interrupted: view.record.interrupt_requested,
                    ..Work::default()
                };
                activity = Some(if others {
                    Activity::AwaitingPermission
                } else {
                    work.activity()
                });
            }
        }
        EventPayload::Usage(turn) => {
            let so_far: Usage = view.record.session.usage.clone().unwrap_or_default();
            change.patch.usage = Some(so_far.with_turn(turn));
        }
        // The agent must not change its session.
        reserved if reserved.is_reserved() => {
            payload = EventPayload::Log(Log::new(
                LogLevel::Debug,
                format!(
                    "the agent sent `{}`: {}",
                    reserved.type_name(),
                    reserved.summary()
                ),
            ));
        }
        _ => {}
    }
    change.events.push(NewEvent { ts, payload });
    if let Some(activity) = activity {
        set_activity(view, &mut change, activity, ts);
    }
    change
}

fn of_fact(view: &View, fact: &Fact, ts: Timestamp) -> Result<Change, Refusal> {
    let decision = match fact {
        Fact::AgentStarted { pid: _ } => start::agent_started(&view.record, ts)?,
        Fact::AgentReady {
            version,
            agent_session_id,
        } => {
            let known = &view.record.session.agent.version;
            let mut update = SessionUpdate::default();
            update.agent_version = version
                .clone()
                .filter(|version| Some(version) != known.as_ref());
            let mut change = Change::of_update(update, ts);
            change.patch.agent_session_id.clone_from(agent_session_id);
            change.into()
        }
        Fact::Paused => pause::done(&view.record, ts)?,
        Fact::Resumed => resume::done(&view.record, ts)?,
        Fact::TurnStarted { prompt_id, .. } => {
            let mut change = Change::default();
            change.patch.last_turn = Some(None);
            change.events.push(NewEvent {
                ts,
                payload: EventPayload::Turn(TurnChange::started(*prompt_id)),
            });
            let work = Work {
                in_turn: true,
                is_interrupted: view.record.interrupt_requested,
                ..Work::default()
            };
            set_activity(view, &mut change, work.activity(), ts);
            change.into()
        }
        Fact::TurnEnded { prompt_id, outcome } => turn_ended(view, *prompt_id, outcome, ts).into(),
        Fact::PromptTaken { prompt_id } => set_prompt(*prompt_id, PromptState::Delivered).into(),
        Fact::PromptLost { prompt_id } => set_prompt(*prompt_id, PromptState::Undelivered).into(),
        Fact::Activity { activity } => {
            let mut change = Change::default();
            set_activity(view, &mut change, *activity, ts);
            if *activity == Activity::Idle && view.record.interrupt_requested {
                change.patch.interrupt_requested = Some(false);
            }
            change.into()
        }
        Fact::PauseFailed { reason } => pause::failed(&view.record, reason, ts)?,
        Fact::Launching | Fact::Ended(_) => Decision::Unchanged,
    };
    Ok(match decision {
        Decision::Change(change) => *change,
        Decision::Unchanged => Change::default(),
    })
}

fn set_prompt(id: PromptId, state: PromptState) -> Change {
    Change {
        prompts: vec![PromptWrite::Set(id, state)],
        ..Change::default()
    }
}

fn turn_ended(
    view: &View,
    prompt_id: Option<PromptId>,
    outcome: &TurnOutcome,
    ts: Timestamp,
) -> Change {
    let mut change = Change::default();
    let (last_turn, stop_reason) = match outcome {
        TurnOutcome::Completed => (TurnEnd::Completed, StopReason::Completed),
        TurnOutcome::Interrupted => (TurnEnd::Interrupted, StopReason::Interrupted),
        TurnOutcome::Failed { reason } => {
            let reason = reason.clone();
            (TurnEnd::Failed { reason }, StopReason::Failed)
        }
    };
    change.patch.last_turn = Some(Some(last_turn));
    if view.record.interrupt_requested {
        change.patch.interrupt_requested = Some(false);
    }
    change.events.push(NewEvent {
        ts,
        payload: EventPayload::Turn(TurnChange::ended(prompt_id, stop_reason)),
    });
    set_activity(view, &mut change, Activity::Idle, ts);
    change
}

/// Sets the activity of a session whose agent lives and that is not being ended. The events of
/// `change` usually imply it; if they do not, adds an event that tells it.
fn set_activity(view: &View, change: &mut Change, activity: Activity, ts: Timestamp) {
    let session = &view.record.session;
    if !session.status.has_activity() {
        return;
    }
    if session.activity != Some(activity) {
        change.patch.activity = Some(Some(activity));
    }
    let mut implied = session.clone();
    for event in &change.events {
        implied.apply_payload(&event.payload, event.ts);
    }
    if implied.activity != Some(activity) {
        let mut update = SessionUpdate::default();
        update.activity = Some(activity);
        change.update(update, ts);
    }
}
