//! The state after the end of the agent, in which only the changes of the session are left to store.

use ah_rest_api_contract::{Activity, SessionUpdate, Timestamp};

use crate::{Change, Decision, SessionRecord};

/// Frees the slot of a session whose agent has ended. Has no effect on one whose agent ended while it
/// worked between turns: its activity is still needed to tell how it ended.
pub fn decide(record: &SessionRecord, now: Timestamp) -> Decision {
    let session = &record.session;
    let is_at_work = matches!(
        session.activity,
        Some(Activity::Working | Activity::AwaitingPermission | Activity::Interrupting)
    );
    if !session.status.holds_slot()
        || session.activity == Some(Activity::Storing)
        || (is_at_work && !record.is_in_turn())
    {
        return Decision::Unchanged;
    }
    let mut update = SessionUpdate::default();
    update.activity = Some(Activity::Storing);
    Change::of_update(update, now).into()
}
