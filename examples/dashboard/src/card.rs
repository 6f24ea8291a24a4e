//! A session as a card of the board.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    Admission, EventPayload, EventSeq, PermissionId, PermissionRequested, Session, SessionAction,
    SessionEvent, SessionStatus,
};

/// A session as a card of the board.
///
/// A [`Session`] is a view of its log up to its `last_seq`. A card is the session as it was read
/// once, updated with every later event.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    session: Session,
    /// The pending permission requests, and the tools they are for.
    asks: BTreeMap<PermissionId, String>,
}

impl Card {
    pub(crate) const fn new(session: Session) -> Self {
        Self {
            session,
            asks: BTreeMap::new(),
        }
    }

    /// Returns the session. Its recent events are drawn.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Returns the cursor for reading the session's log.
    #[must_use]
    pub const fn cursor(&self) -> EventSeq {
        self.session.last_seq
    }

    /// Returns the tools with a pending permission request.
    pub fn asks(&self) -> impl Iterator<Item = &str> {
        self.asks.values().map(String::as_str)
    }

    /// Returns true if the agent accepts a prompt now.
    #[must_use]
    pub fn takes_prompts(&self) -> bool {
        self.session.status.admits(SessionAction::Prompt) == Admission::Perform
    }

    /// Replaces the session, unless the card is more recent.
    pub(crate) fn refresh(&mut self, session: Session) {
        if session.last_seq >= self.session.last_seq {
            self.session = session;
        }
        self.settle();
    }

    /// Skips events that are no longer retained.
    pub(crate) fn skip_to(&mut self, seq: EventSeq) {
        self.session.last_seq = self.session.last_seq.max(seq);
    }

    /// Adds a permission request.
    pub(crate) fn ask(&mut self, request: &PermissionRequested) {
        self.asks
            .insert(request.request_id, request.tool_name.clone());
    }

    /// Applies an event. An event that was already applied has no effect.
    pub(crate) fn apply(&mut self, event: &SessionEvent) {
        if !self.session.apply(event) {
            return;
        }
        match &event.payload {
            EventPayload::PermissionRequest(request) => self.ask(request),
            EventPayload::PermissionResolved(resolved) => {
                self.asks.remove(&resolved.request_id);
            }
            _ => {}
        }
        self.settle();
    }

    /// Clears the permission requests of an ended session.
    fn settle(&mut self) {
        if self.session.status.is_terminal() {
            self.asks.clear();
        }
    }

    /// Returns true if the session has not ended.
    pub(crate) const fn is_live(&self) -> bool {
        !self.session.status.is_terminal()
    }

    pub(crate) const fn status(&self) -> SessionStatus {
        self.session.status
    }
}
