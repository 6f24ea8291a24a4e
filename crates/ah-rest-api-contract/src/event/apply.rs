//! The reducer of a session's log: a session and the next event give the next session.

use super::{EventPayload, SessionEvent, SessionUpdate, StatusChange, TurnChange, TurnState};
use crate::{Activity, RECENT_EVENTS_MAX, Session, SessionStatus, Timestamp};

impl Session {
    /// Applies the next event of the session's log. Returns true if it was applied.
    ///
    /// A session is a view of its log, as of [`Session::last_seq`], and this method moves the view
    /// forward. Every field that changes follows from the log, so a session that was read and then
    /// updated with all later events equals the session that is read now.
    ///
    /// The events must not be filtered: a stream with a filter omits events that change the session.
    ///
    /// An event that the view includes already changes nothing, and neither does an event of
    /// another session. An event of an unknown type only moves [`Session::last_seq`] and
    /// [`Session::updated_at`].
    pub fn apply(&mut self, event: &SessionEvent) -> bool {
        if event.session_id != self.id || event.seq <= self.last_seq {
            return false;
        }
        self.last_seq = event.seq;
        self.apply_payload(&event.payload, event.ts);
        if event.payload.is_recent_activity() && !self.status.is_terminal() {
            self.recent_events.push(event.clone());
            let excess = self.recent_events.len().saturating_sub(RECENT_EVENTS_MAX);
            self.recent_events.drain(..excess);
        }
        true
    }

    /// Applies the content of an event of the time `ts`: everything that does not depend on its
    /// position in the log. Programs use [`Session::apply`].
    pub fn apply_payload(&mut self, payload: &EventPayload, ts: Timestamp) {
        self.updated_at = self.updated_at.max(ts);
        match payload {
            EventPayload::Status(change) => self.apply_status(change, ts),
            EventPayload::Turn(turn) => self.apply_turn(turn),
            EventPayload::SessionUpdate(update) => self.apply_update(update),
            EventPayload::Message(message) => {
                self.last_message = message.excerpt().or(self.last_message.take());
            }
            EventPayload::PermissionRequest(_) => self.set_activity(Activity::AwaitingPermission),
            // If other requests are pending, an update with the activity follows.
            EventPayload::PermissionResolved(_)
                if self.activity == Some(Activity::AwaitingPermission) =>
            {
                self.set_activity(Activity::Working);
            }
            EventPayload::Usage(turn) => {
                self.usage = Some(self.usage.take().unwrap_or_default().with_turn(turn));
            }
            _ => {}
        }
    }

    fn apply_status(&mut self, change: &StatusChange, ts: Timestamp) {
        let status = change.status;
        self.status = status;
        self.reason.clone_from(&change.reason);
        self.exit_code = change.exit_code.or(self.exit_code);
        if status == SessionStatus::Running && self.started_at.is_none() {
            self.started_at = Some(ts);
            self.activity = Some(Activity::Working);
        }
        if status == SessionStatus::Stopping || status.is_terminal() {
            self.activity = None;
        }
        if status.is_terminal() {
            self.ended_at = Some(ts);
            self.recent_events.clear();
        }
        if status == SessionStatus::Cancelled {
            self.workspace = None;
        }
    }

    fn apply_turn(&mut self, turn: &TurnChange) {
        match turn.state {
            TurnState::Started => self.set_activity(Activity::Working),
            TurnState::Ended => self.set_activity(Activity::Idle),
            TurnState::Unknown => {}
        }
    }

    fn apply_update(&mut self, update: &SessionUpdate) {
        let SessionUpdate {
            workspace,
            commit,
            agent_version,
            started_at,
            activity,
            reason,
            changes,
        } = update;
        if let Some(workspace) = workspace {
            self.workspace = Some(workspace.clone());
        }
        if let Some(commit) = commit {
            self.repo.commit = Some(commit.clone());
        }
        if let Some(version) = agent_version {
            self.agent.version = Some(version.clone());
        }
        if let Some(activity) = activity {
            self.set_activity(*activity);
        }
        if let Some(reason) = reason {
            self.reason = Some(reason.clone());
        }
        self.started_at = started_at.or(self.started_at);
        self.changes = changes.or(self.changes);
    }

    fn set_activity(&mut self, activity: Activity) {
        let is_storing = activity == Activity::Storing && self.status.holds_slot();
        if is_storing || self.status.has_activity() {
            self.activity = Some(activity);
        }
    }
}
