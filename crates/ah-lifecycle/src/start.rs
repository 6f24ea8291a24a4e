//! The start of a session.

use ah_rest_api_contract::{Activity, SessionStatus, SessionUpdate, SessionWorkspace, Timestamp};

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
#[must_use]
pub fn provisioned(
    record: &SessionRecord,
    workspace: SessionWorkspace,
    commit: Option<String>,
    now: Timestamp,
) -> Change {
    let mut update = SessionUpdate::default();
    update.commit = commit.filter(|commit| record.session.repo.commit.as_ref() != Some(commit));
    update.workspace = Some(workspace);
    Change::of_update(update, now)
}

/// Records that the agent's process has started.
pub fn agent_started(record: &SessionRecord, now: Timestamp) -> Result<Decision, Refusal> {
    if record.session.status == SessionStatus::Provisioning {
        let mut change = transition(record, SessionStatus::Running, StatusDetail::default(), now)?;
        change.patch.activity = Some(Some(Activity::Working));
        change.patch.started_at = Some(now);
        return Ok(change.into());
    }
    if record.session.started_at.is_some() {
        return Ok(Decision::Unchanged);
    }
    // The session was stopped in the meantime; the start time is still recorded.
    let mut update = SessionUpdate::default();
    update.started_at = Some(now);
    Ok(Change::of_update(update, now).into())
}
