//! One session, as a card of the board shows it.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    Admission, EventPayload, EventSeq, PermissionId, PermissionRequested, RECENT_EVENTS_MAX,
    Session, SessionAction, SessionEvent, SessionStatus,
};

/// One session, as a card of the board shows it.
///
/// A [`Session`] is a view of its log as of its `last_seq`. So a card is the session as it was read
/// once, brought up to date by every event behind that.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    session: Session,
    /// What the agent asks leave for, with the tool it is about.
    asks: BTreeMap<PermissionId, String>,
}

impl Card {
    pub(crate) const fn new(session: Session) -> Self {
        Self {
            session,
            asks: BTreeMap::new(),
        }
    }

    /// The session. Its recent events are those that are drawn.
    #[must_use]
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// Where to read on in the session's log.
    #[must_use]
    pub const fn cursor(&self) -> EventSeq {
        self.session.last_seq
    }

    /// The tools that the agent waits for leave to use.
    pub fn asks(&self) -> impl Iterator<Item = &str> {
        self.asks.values().map(String::as_str)
    }

    /// Whether the agent can be told something now.
    #[must_use]
    pub fn takes_prompts(&self) -> bool {
        self.session.status.admits(SessionAction::Prompt) == Admission::Perform
    }

    /// Takes over what was read of the session now, unless the card knows more.
    pub(crate) fn refresh(&mut self, session: Session) {
        if session.last_seq >= self.session.last_seq {
            self.session = session;
        }
        self.settle();
    }

    /// Steps over events that are there no more.
    pub(crate) fn skip_to(&mut self, seq: EventSeq) {
        self.session.last_seq = self.session.last_seq.max(seq);
    }

    /// Shows what the agent asks leave for.
    pub(crate) fn ask(&mut self, request: &PermissionRequested) {
        self.asks
            .insert(request.request_id, request.tool_name.clone());
    }

    /// Takes an event in. One that the card knows already changes nothing.
    pub(crate) fn apply(&mut self, event: SessionEvent) {
        if event.seq <= self.session.last_seq {
            return;
        }
        self.session.last_seq = event.seq;
        self.session.updated_at = event.ts;
        match &event.payload {
            EventPayload::Status(change) => {
                self.session.status = change.status;
                self.session.reason.clone_from(&change.reason);
            }
            EventPayload::PermissionRequest(request) => self.ask(request),
            EventPayload::PermissionResolved(resolved) => {
                self.asks.remove(&resolved.request_id);
            }
            payload if payload.is_recent_activity() => {
                self.session.recent_events.push(event);
                let excess = self
                    .session
                    .recent_events
                    .len()
                    .saturating_sub(RECENT_EVENTS_MAX);
                self.session.recent_events.drain(..excess);
            }
            _ => {}
        }
        self.settle();
    }

    /// A session that has ended does nothing and asks for nothing.
    fn settle(&mut self) {
        if self.session.status.is_terminal() {
            self.session.recent_events.clear();
            self.asks.clear();
        }
    }

    /// Whether there will be more of it.
    pub(crate) const fn is_live(&self) -> bool {
        !self.session.status.is_terminal()
    }

    pub(crate) const fn status(&self) -> SessionStatus {
        self.session.status
    }
}
