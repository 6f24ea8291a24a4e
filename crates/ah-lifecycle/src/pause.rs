//! Freezing a session.

use ah_rest_api_contract::{SessionAction, SessionStatus, Timestamp};

use crate::{Decision, Refusal, SessionRecord, StatusDetail, admit, transition};

/// Asks for every process of the session to be frozen.
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

/// Every process is frozen. What was decided meanwhile stands.
pub fn done(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    match record.session.status {
        SessionStatus::Pausing => {
            Ok(transition(record, SessionStatus::Paused, StatusDetail::default(), now)?.into())
        }
        _ => Ok(Decision::Unchanged),
    }
}

/// Not every process could be frozen, and those that were go on. What was decided meanwhile stands.
pub fn failed(record: &SessionRecord, reason: &str, now: Timestamp) -> Result<Decision, Refusal> {
    match record.session.status {
        SessionStatus::Pausing => {
            let detail = StatusDetail::because(format!("it could not be paused: {reason}"));
            Ok(transition(record, SessionStatus::Running, detail, now)?.into())
        }
        _ => Ok(Decision::Unchanged),
    }
}
