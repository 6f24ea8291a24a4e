//! The cards, counted and sorted.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ah_rest_api_contract::{Session, SessionEvent, SessionId, SessionStatus, TaskManagerError};

use crate::card::Card;

/// The content of a dashboard.
#[derive(Clone, Debug, Default)]
pub struct Board {
    cards: BTreeMap<SessionId, Card>,
    title: String,
    notice: Option<TaskManagerError>,
}

/// The number of sessions by state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Queued sessions.
    pub queued: usize,
    /// Active sessions.
    pub running: usize,
    /// Running sessions with a pending permission request.
    pub asking: usize,
    /// Completed sessions.
    pub completed: usize,
    /// Failed sessions.
    pub failed: usize,
    /// Stopped and cancelled sessions.
    pub stopped: usize,
}

impl Counts {
    /// Returns the number of sessions that have not ended.
    #[must_use]
    pub const fn live(&self) -> usize {
        self.queued + self.running
    }
}

impl Board {
    pub(crate) fn titled(title: String) -> Self {
        Self {
            title,
            ..Self::default()
        }
    }

    /// Returns the description of the task manager.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// Returns the last error, until an operation succeeds.
    #[must_use]
    pub const fn notice(&self) -> Option<&TaskManagerError> {
        self.notice.as_ref()
    }

    /// Returns the card of a session.
    #[must_use]
    pub fn card(&self, session: SessionId) -> Option<&Card> {
        self.cards.get(&session)
    }

    /// Returns the cards: active ones first, then the newest.
    #[must_use]
    pub fn cards(&self) -> Vec<&Card> {
        let mut cards: Vec<&Card> = self.cards.values().collect();
        cards.sort_by_key(|card| {
            let session = card.session();
            (!card.is_live(), Reverse((session.created_at, session.id)))
        });
        cards
    }

    /// Returns the number of sessions by state.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for card in self.cards.values() {
            let kind = match card.status() {
                SessionStatus::Queued => &mut counts.queued,
                SessionStatus::Completed => &mut counts.completed,
                SessionStatus::Failed => &mut counts.failed,
                SessionStatus::Stopped | SessionStatus::Cancelled => &mut counts.stopped,
                _ => &mut counts.running,
            };
            *kind += 1;
            counts.asking += usize::from(card.asks().next().is_some());
        }
        counts
    }

    /// Adds or updates a session that was just read.
    pub(crate) fn put(&mut self, session: Session) {
        match self.cards.get_mut(&session.id) {
            Some(card) => card.refresh(session),
            None => {
                self.cards.insert(session.id, Card::new(session));
            }
        }
    }

    pub(crate) fn apply(&mut self, event: &SessionEvent) {
        if let Some(card) = self.cards.get_mut(&event.session_id) {
            card.apply(event);
        }
    }

    pub(crate) fn card_mut(&mut self, session: SessionId) -> Option<&mut Card> {
        self.cards.get_mut(&session)
    }

    pub(crate) fn note(&mut self, notice: Option<TaskManagerError>) {
        self.notice = notice;
    }
}
