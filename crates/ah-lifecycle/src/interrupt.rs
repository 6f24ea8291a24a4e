//! The interruption of a turn.

use ah_rest_api_contract::{Activity, SessionAction};

use crate::{Change, Decision, Refusal, SessionRecord, admit};

/// Requests the end of the agent's turn. Has no effect on an agent without a turn.
pub fn decide(record: &SessionRecord) -> Result<Decision, Refusal> {
    admit(record, SessionAction::Interrupt)?;
    let on_a_turn = matches!(
        record.session.activity,
        Some(Activity::Working | Activity::AwaitingPermission)
    );
    if !on_a_turn || record.interrupt_requested {
        return Ok(Decision::Unchanged);
    }
    let mut change = Change::default();
    change.patch.interrupt_requested = Some(true);
    Ok(change.into())
}
