//! The cards, counted and in order.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ah_rest_api_contract::{Session, SessionEvent, SessionId, SessionStatus, TaskManagerError};

use crate::card::Card;

/// What a dashboard shows.
#[derive(Clone, Debug, Default)]
pub struct Board {
    cards: BTreeMap<SessionId, Card>,
    title: String,
    notice: Option<TaskManagerError>,
}

/// How many sessions there are of a kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Those that wait for a slot.
    pub queued: usize,
    /// Those that have begun and not ended.
    pub running: usize,
    /// Those of the running ones that wait for somebody's leave.
    pub asking: usize,
    /// Those that ended well.
    pub completed: usize,
    /// Those that ended because something was wrong.
    pub failed: usize,
    /// Those that somebody ended.
    pub stopped: usize,
}

impl Counts {
    /// Those that have not ended.
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

    /// Where the sessions are.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.title
    }

    /// What went wrong last, as long as it has not gone well since.
    #[must_use]
    pub const fn notice(&self) -> Option<&TaskManagerError> {
        self.notice.as_ref()
    }

    /// The card of a session.
    #[must_use]
    pub fn card(&self, session: SessionId) -> Option<&Card> {
        self.cards.get(&session)
    }

    /// The cards: what lives first, and then the newest.
    #[must_use]
    pub fn cards(&self) -> Vec<&Card> {
        let mut cards: Vec<&Card> = self.cards.values().collect();
        cards.sort_by_key(|card| {
            let session = card.session();
            (!card.is_live(), Reverse((session.created_at, session.id)))
        });
        cards
    }

    /// How many sessions there are of each kind.
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

    /// Shows a session as it was read now.
    pub(crate) fn put(&mut self, session: Session) {
        match self.cards.get_mut(&session.id) {
            Some(card) => card.refresh(session),
            None => {
                self.cards.insert(session.id, Card::new(session));
            }
        }
    }

    pub(crate) fn apply(&mut self, event: SessionEvent) {
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
