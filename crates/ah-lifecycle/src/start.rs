//! The start of a session.

use ah_rest_api_contract::{Activity, SessionStatus, SessionWorkspace, Timestamp};

use crate::{Change, Decision, Refusal, SessionRecord, StatusDetail, transition};

/// Claims a queued session: its workspace is provisioned next.
///
/// # Errors
/// Returns a refusal if the session is not queued.
pub fn claimed(record: &SessionRecord, now: Timestamp) -> Result<Change, Refusal> {
    transition(
        record,
        SessionStatus::Provisioning,
        StatusDetail::default(),
        now,
    )
}

/// Records that the workspace is ready, at this commit.
pub fn provisioned(workspace: SessionWorkspace, commit: Option<String>) -> Change {
    let mut change = Change::default();
    change.patch.workspace = Some(Some(workspace));
    change.patch.commit = commit;
    change
}

/// Records that the agent's process has started.
pub fn agent_started(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    let mut change = match record.session.status {
        SessionStatus::Provisioning => {
            let mut change =
                transition(record, SessionStatus::Running, StatusDetail::default(), now)?;
            change.patch.activity = Some(Some(Activity::Working));
            change
        }
        // The session was stopped in the meantime; the start time is still recorded.
        _ => Change::default(),
    };
    change.patch.started_at = Some(now);
    Ok(change.into())
}
