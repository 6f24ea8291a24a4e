//! Cancellation: ends a session at once and discards its workspace.

use ah_rest_api_contract::{PromptState, SessionAction, SessionStatus, SessionUpdate, Timestamp};

use crate::{
    Change, Decision, Ending, PromptWrite, Refusal, SessionRecord, StatusDetail, admit, transition,
};

/// Requests that the session is cancelled. A queued session is cancelled at once; one that has
/// ended is hidden from lists.
pub fn decide(record: &SessionRecord, by: &str, now: Timestamp) -> Result<Decision, Refusal> {
    if !admit(record, SessionAction::Cancel)? {
        return Ok(Decision::Unchanged);
    }
    let status = record.session.status;
    if status.is_terminal() {
        if record.hidden {
            return Ok(Decision::Unchanged);
        }
        let mut change = Change::default();
        change.patch.hidden = Some(true);
        return Ok(change.into());
    }
    let detail = StatusDetail::because(format!("cancelled by {by}"));
    let mut change = match status {
        SessionStatus::Queued => {
            let mut change = transition(record, SessionStatus::Cancelled, detail, now)?;
            change.patch.hidden = Some(true);
            change
                .prompts
                .push(PromptWrite::SetQueued(PromptState::Undelivered));
            return Ok(change.into());
        }
        // The session is being cancelled already.
        SessionStatus::Stopping if record.ending == Some(Ending::Cancel) => {
            return Ok(Decision::Unchanged);
        }
        SessionStatus::Stopping => {
            let mut update = SessionUpdate::default();
            update.reason = detail.reason;
            Change::of_update(update, now)
        }
        _ => transition(record, SessionStatus::Stopping, detail, now)?,
    };
    change.patch.ending = Some(Ending::Cancel);
    Ok(change.into())
}
