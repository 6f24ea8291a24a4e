//! The order of the events of all sessions.

use std::collections::HashMap;

use ah_rest_api_contract::{EventSeq, LogCursor, SessionEvent, SessionId};
use tokio::sync::watch;

use crate::session::MockSession;

/// The order in which the events of all sessions occurred. The events themselves are in the logs of
/// their sessions.
#[derive(Debug)]
pub(crate) struct WholeLog {
    /// The event at cursor `n` is entry `n - 1`.
    entries: Vec<(SessionId, EventSeq)>,
    /// The cursors of each session's events, in the order of its log.
    cursors: HashMap<SessionId, Vec<LogCursor>>,
    end: watch::Sender<LogCursor>,
}

impl Default for WholeLog {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            cursors: HashMap::new(),
            end: watch::Sender::new(LogCursor::START),
        }
    }
}

impl WholeLog {
    /// Adds the new events of `session`.
    pub(crate) fn extend(&mut self, session: &MockSession) {
        let id = session.id();
        let cursors = self.cursors.entry(id).or_default();
        for event in &session.log()[cursors.len()..] {
            self.entries.push((id, event.seq));
            cursors.push(LogCursor::new(self.entries.len() as u64));
        }
        self.end
            .send_replace(LogCursor::new(self.entries.len() as u64));
    }

    /// Watches the cursor of the last event.
    pub(crate) fn watch(&self) -> watch::Receiver<LogCursor> {
        self.end.subscribe()
    }

    /// The cursor of an event; that of the last event if there is no such event.
    pub(crate) fn cursor_of(&self, event: &SessionEvent) -> LogCursor {
        let place = usize::try_from(event.seq.get()).unwrap_or(usize::MAX);
        let cursors = self.cursors.get(&event.session_id);
        let cursor = cursors.and_then(|cursors| cursors.get(place.checked_sub(1)?));
        cursor.copied().unwrap_or_else(|| *self.end.borrow())
    }

    /// The entries after `cursor`, oldest first.
    pub(crate) fn after(
        &self,
        cursor: LogCursor,
    ) -> impl Iterator<Item = (LogCursor, SessionId, EventSeq)> {
        let place = usize::try_from(cursor.get()).unwrap_or(usize::MAX);
        let entries = self.entries.iter().enumerate().skip(place);
        entries.map(|(place, (id, seq))| (LogCursor::new(place as u64 + 1), *id, *seq))
    }
}
