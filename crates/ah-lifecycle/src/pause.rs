//! The pause of a session.

use ah_rest_api_contract::{SessionAction, SessionStatus, Timestamp};

use crate::{Decision, Refusal, SessionRecord, StatusDetail, admit, transition};

/// Requests that every process of the session is frozen.
pub fn decide(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    if !admit(record, SessionAction::Pause)? {
        return Ok(Decision::Unchanged);
    }
    if record.ending.is_some() {
        return Err(Refusal::Ended {
            session: record.id(),
            action: SessionAction::Pause,
            status: record.session.status,
        });
    }
    Ok(transition(record, SessionStatus::Pausing, StatusDetail::default(), now)?.into())
}

/// Records that every process is frozen. Decisions made meanwhile remain in effect.
pub fn done(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    match record.session.status {
        SessionStatus::Pausing => {
            Ok(transition(record, SessionStatus::Paused, StatusDetail::default(), now)?.into())
        }
        _ => Ok(Decision::Unchanged),
    }
}

/// Records a failed pause; all processes continue. Decisions made meanwhile remain in effect.
pub fn failed(record: &SessionRecord, reason: &str, now: Timestamp) -> Result<Decision, Refusal> {
    match record.session.status {
        SessionStatus::Pausing => {
            let detail = StatusDetail::because(format!("it could not be paused: {reason}"));
            Ok(transition(record, SessionStatus::Running, detail, now)?.into())
        }
        _ => Ok(Decision::Unchanged),
    }
}
