//! The final status of a session, once no process of it is left (design law 7: report it as it
//! was).

use std::time::Duration;

use ah_rest_api_contract::{
    Activity, EventPayload, Log, LogLevel, PermissionOutcome, PermissionResolved, PermissionState,
    PromptState, SessionStatus, Timestamp,
};

use crate::{
    AgentEnd, Change, EndCause, Ending, NewEvent, PermissionRecord, PermissionWrite, PromptWrite,
    Refusal, SessionRecord, StatusDetail, TurnEnd, transition,
};

/// The end of a session's last process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProcessEnd {
    /// The recorder recorded the end.
    Recorded(AgentEnd),
    /// The recorder recorded the end, but the changes of the session could not be stored.
    Unsealed {
        /// The end.
        end: AgentEnd,
        /// The reason as text.
        reason: String,
    },
    /// The recorder died without a record of the end; this many processes of the session were left.
    RecorderLost {
        /// The number of processes.
        swept: u32,
    },
    /// The recorder did not end the session within its limit, and was killed.
    RecorderUnresponsive {
        /// The limit.
        limit: Duration,
        /// The number of processes that were left.
        swept: u32,
    },
    /// No process was ever started, for this reason.
    NeverStarted {
        /// The reason as text.
        reason: String,
    },
    /// No process was ever started, because the session was ended before.
    Unneeded,
}

/// Writes the final status of a session.
pub fn decide(
    record: &SessionRecord,
    permissions: &[PermissionRecord],
    process_end: &ProcessEnd,
    now: Timestamp,
) -> Result<Change, Refusal> {
    let (status, detail) = verdict(record, process_end);
    let mut change = to_its_end(record, status, detail, now)?;
    if status == SessionStatus::Cancelled {
        change.patch.hidden = Some(true);
        change.patch.workspace = Some(None);
    }
    // A recorder that was killed has not recorded which of its prompts the agent accepted.
    change.prompts.extend([
        PromptWrite::SetQueued(PromptState::Undelivered),
        PromptWrite::SetSent(PromptState::Undelivered),
    ]);
    let mut before = leftovers(process_end, now);
    for open in permissions
        .iter()
        .filter(|p| p.permission.state != PermissionState::Resolved)
    {
        let resolved = PermissionResolved::new(
            open.permission.request.request_id,
            PermissionOutcome::Cancelled,
            "agent",
        );
        before.push(NewEvent {
            ts: now,
            payload: EventPayload::PermissionResolved(resolved.clone()),
        });
        change.permissions.push(PermissionWrite::Resolve(resolved));
    }
    // The status comes last: streams end with it.
    before.append(&mut change.events);
    change.events = before;
    Ok(change)
}

/// Changes the session to its final status. Only a stopping session may become *stopped*, so one
/// that its recorder has stopped becomes *stopping* first.
fn to_its_end(
    record: &SessionRecord,
    status: SessionStatus,
    detail: StatusDetail,
    now: Timestamp,
) -> Result<Change, Refusal> {
    let is_stopping = record.session.status == SessionStatus::Stopping;
    if status != SessionStatus::Stopped || is_stopping {
        return transition(record, status, detail, now);
    }
    let first = StatusDetail {
        reason: detail.reason.clone(),
        ..StatusDetail::default()
    };
    let mut change = transition(record, SessionStatus::Stopping, first, now)?;
    let mut stopping = record.clone();
    stopping.session.status = SessionStatus::Stopping;
    change.merge(transition(&stopping, status, detail, now)?);
    Ok(change)
}

fn verdict(record: &SessionRecord, process_end: &ProcessEnd) -> (SessionStatus, StatusDetail) {
    let (exit_code, signal) = match process_end {
        ProcessEnd::Recorded(end) | ProcessEnd::Unsealed { end, .. } => (end.exit_code, end.signal),
        _ => (None, None),
    };
    let with = |reason: Option<String>| StatusDetail {
        reason: match (reason, unresponsive(process_end)) {
            (Some(reason), Some(killed)) => Some(format!("{reason}; {killed}")),
            (reason, killed) => reason.or(killed),
        },
        exit_code,
        signal,
    };
    match &record.ending {
        Some(Ending::Stop) => (SessionStatus::Stopped, with(record.session.reason.clone())),
        Some(Ending::Cancel) => (
            SessionStatus::Cancelled,
            with(record.session.reason.clone()),
        ),
        Some(Ending::Fail { reason }) => (SessionStatus::Failed, with(Some(reason.clone()))),
        None if was_idle_too_long(process_end) => {
            (SessionStatus::Stopped, with(recorded_reason(process_end)))
        }
        Some(Ending::Complete) | None => match fault(record, process_end) {
            Some(reason) => (SessionStatus::Failed, with(Some(reason))),
            None => (SessionStatus::Completed, with(None)),
        },
    }
}

/// Describes the end of a recorder that did not do as requested.
fn unresponsive(process_end: &ProcessEnd) -> Option<String> {
    match process_end {
        ProcessEnd::RecorderUnresponsive { limit, .. } => Some(format!(
            "its recorder did not answer for {} s and was killed",
            limit.as_secs()
        )),
        _ => None,
    }
}

/// Returns true if the recorder ended the session at its idle limit, which is not a fault.
fn was_idle_too_long(process_end: &ProcessEnd) -> bool {
    matches!(process_end, ProcessEnd::Recorded(end) if end.cause == Some(EndCause::Idle))
}

fn recorded_reason(process_end: &ProcessEnd) -> Option<String> {
    match process_end {
        ProcessEnd::Recorded(end) => end.reason.clone(),
        _ => None,
    }
}

/// Returns the fault that prevents the session from being *completed*, if any.
fn fault(record: &SessionRecord, process_end: &ProcessEnd) -> Option<String> {
    let end = match process_end {
        ProcessEnd::Recorded(end) => end,
        ProcessEnd::Unsealed { end, reason } => {
            let fault = fault(record, &ProcessEnd::Recorded(end.clone()));
            return fault.or_else(|| Some(reason.clone()));
        }
        // The status says that it did not answer.
        ProcessEnd::RecorderUnresponsive { .. } => {
            return Some("recorder lost".to_owned());
        }
        ProcessEnd::RecorderLost { swept: 0 } => {
            return Some("recorder lost: the process that ran the agent has ended".to_owned());
        }
        ProcessEnd::RecorderLost { swept } => {
            return Some(format!(
                "recorder lost: the process that ran the agent has ended; {} of the agent {} killed",
                processes(*swept),
                if *swept == 1 { "was" } else { "were" },
            ));
        }
        ProcessEnd::NeverStarted { reason } => return Some(reason.clone()),
        ProcessEnd::Unneeded => {
            return Some("the session was abandoned before it started".to_owned());
        }
    };
    let reported = |fallback: &str| Some(end.reason.clone().unwrap_or_else(|| fallback.to_owned()));
    match (end.exit_code, end.signal) {
        _ if end.cause == Some(EndCause::TimedOut) => {
            reported("the session exceeded its time limit")
        }
        _ if end.cause == Some(EndCause::NotReady) => reported("the agent did not become ready"),
        _ if end.cause == Some(EndCause::InterruptIgnored) => {
            reported("the agent did not end its turn after it was interrupted")
        }
        // It was shut down and ended as intended, possibly by a signal.
        _ if matches!(end.cause, Some(EndCause::Finished | EndCause::Unattended))
            && end.reason.is_none() =>
        {
            unfinished(record, end)
        }
        (_, Some(signal)) => reported(&format!("the agent was ended by signal {signal}")),
        (None, None) => reported("the agent could not be started"),
        (Some(0), None) => unfinished(record, end),
        (Some(code), None) => reported(&format!("the agent exited with code {code}")),
    }
}

/// Returns the fault of an agent that exited with success but has not finished: its last turn did
/// not complete.
fn unfinished(record: &SessionRecord, end: &AgentEnd) -> Option<String> {
    let reported = |fallback: &str| Some(end.reason.clone().unwrap_or_else(|| fallback.to_owned()));
    let session = &record.session;
    let was_at_work = match session.activity {
        Some(Activity::Working | Activity::AwaitingPermission | Activity::Interrupting) => true,
        Some(Activity::Storing) => record.is_in_turn(),
        _ => false,
    };
    if was_at_work {
        return reported("the agent exited in the middle of a turn");
    }
    match &record.last_turn {
        None => reported("the agent exited before it had finished a turn"),
        Some(TurnEnd::Failed { reason }) => Some(reason.clone()),
        Some(TurnEnd::Interrupted) => reported("its turn was interrupted and no prompt followed"),
        Some(TurnEnd::Completed) if session.status == SessionStatus::Paused => {
            reported("the agent ended while it was paused")
        }
        Some(TurnEnd::Completed) => None,
    }
}

fn leftovers(process_end: &ProcessEnd, now: Timestamp) -> Vec<NewEvent> {
    match process_end {
        ProcessEnd::Recorded(AgentEnd { swept, .. })
        | ProcessEnd::Unsealed {
            end: AgentEnd { swept, .. },
            ..
        }
        | ProcessEnd::RecorderUnresponsive { swept, .. }
            if *swept > 0 =>
        {
            vec![NewEvent {
                ts: now,
                payload: EventPayload::Log(Log::new(
                    LogLevel::Warn,
                    format!("the agent left {} running; killed now", processes(*swept)),
                )),
            }]
        }
        _ => Vec::new(),
    }
}

fn processes(count: u32) -> String {
    if count == 1 {
        "1 process".to_owned()
    } else {
        format!("{count} processes")
    }
}
