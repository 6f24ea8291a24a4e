//! The interruption of a turn.

use ah_rest_api_contract::{Activity, SessionAction, SessionUpdate, Timestamp};

use crate::{Change, Decision, Refusal, SessionRecord, admit};

/// Requests the end of the agent's turn, or of its work between turns. Has no effect on an idle
/// agent.
pub fn decide(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    admit(record, SessionAction::Interrupt)?;
    let on_a_turn = matches!(
        record.session.activity,
        Some(Activity::Working | Activity::AwaitingPermission)
    );
    if !on_a_turn || record.interrupt_requested {
        return Ok(Decision::Unchanged);
    }
    let mut update = SessionUpdate::default();
    update.activity = Some(Activity::Interrupting);
    let mut change = Change::of_update(update, now);
    change.patch.interrupt_requested = Some(true);
    Ok(change.into())
}
