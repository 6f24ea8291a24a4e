//! The end of a session on request.

use ah_rest_api_contract::{PromptState, SessionAction, SessionStatus, Timestamp};

use crate::{
    Decision, Ending, PromptWrite, Refusal, SessionRecord, StatusDetail, admit, transition,
};

/// Requests the end of the session. A queued session ends at once.
pub fn decide(
    record: &SessionRecord,
    reason: Option<String>,
    by: &str,
    now: Timestamp,
) -> Result<Decision, Refusal> {
    if !admit(record, SessionAction::Stop)? {
        return Ok(Decision::Unchanged);
    }
    let reason = match reason {
        Some(reason) => format!("stopped by {by}: {reason}"),
        None => format!("stopped by {by}"),
    };
    let queued = record.session.status == SessionStatus::Queued;
    let next = if queued {
        SessionStatus::Stopped
    } else {
        SessionStatus::Stopping
    };
    let mut change = transition(record, next, StatusDetail::because(reason), now)?;
    if queued {
        change
            .prompts
            .push(PromptWrite::SetQueued(PromptState::Undelivered));
    } else {
        change.patch.ending = Some(Ending::Stop);
    }
    Ok(change.into())
}
