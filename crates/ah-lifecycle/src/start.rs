//! Bringing a session to life.

use ah_rest_api_contract::{Activity, SessionStatus, SessionWorkspace, Timestamp};

use crate::{Change, Decision, Refusal, SessionRecord, StatusDetail, transition};

/// A slot is free for the session: its workspace is made now.
///
/// # Errors
/// When it is not queued.
pub fn claimed(record: &SessionRecord, now: Timestamp) -> Result<Change, Refusal> {
    transition(
        record,
        SessionStatus::Provisioning,
        StatusDetail::default(),
        now,
    )
}

/// The workspace is ready, at this commit.
pub fn provisioned(workspace: SessionWorkspace, commit: Option<String>) -> Change {
    let mut change = Change::default();
    change.patch.workspace = Some(Some(workspace));
    change.patch.commit = commit;
    change
}

/// The agent's process is alive.
pub fn agent_started(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    let mut change = match record.session.status {
        SessionStatus::Provisioning => {
            let mut change =
                transition(record, SessionStatus::Running, StatusDetail::default(), now)?;
            change.patch.activity = Some(Some(Activity::Working));
            change
        }
        // It was stopped on the way; it still started then.
        _ => Change::default(),
    };
    change.patch.started_at = Some(now);
    Ok(change.into())
}
