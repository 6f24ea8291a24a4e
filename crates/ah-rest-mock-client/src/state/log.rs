//! The order of the events of all sessions.

use std::collections::HashMap;

use ah_rest_api_contract::{EventSeq, LogCursor, SessionId};
use tokio::sync::watch;

use crate::session::MockSession;

/// The order in which the events of all sessions occurred. The events themselves are in the logs of
/// their sessions.
#[derive(Debug)]
pub(crate) struct Log {
    /// The event at cursor `n` is entry `n - 1`.
    entries: Vec<(SessionId, EventSeq)>,
    /// The last event of each session with an entry.
    heads: HashMap<SessionId, EventSeq>,
    end: watch::Sender<LogCursor>,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            heads: HashMap::new(),
            end: watch::Sender::new(LogCursor::START),
        }
    }
}

impl Log {
    /// Adds the new events of `session`.
    pub(crate) fn extend(&mut self, session: &MockSession) {
        let id = session.id();
        let head = self.heads.entry(id).or_default();
        while *head < session.session().last_seq {
            *head = head.next();
            self.entries.push((id, *head));
        }
        self.end
            .send_replace(LogCursor::new(self.entries.len() as u64));
    }

    /// Watches the cursor of the last event.
    pub(crate) fn watch(&self) -> watch::Receiver<LogCursor> {
        self.end.subscribe()
    }

    /// Returns the entries after `cursor`, oldest first.
    pub(crate) fn after(
        &self,
        cursor: LogCursor,
    ) -> impl Iterator<Item = (LogCursor, SessionId, EventSeq)> {
        let place = usize::try_from(cursor.get()).unwrap_or(usize::MAX);
        let entries = self.entries.iter().enumerate().skip(place);
        entries.map(|(place, (id, seq))| (LogCursor::new(place as u64 + 1), *id, *seq))
    }
}
