//! The log: the events of each session, and those of all sessions in commit order.

use std::fmt;

use ah_lifecycle::SessionVersion;
use ah_rest_api_contract::{
    EventQuery, EventSeq, EventType, LogLevel, Page, SessionEvent, SessionId,
};
use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::StoreError;

/// The position of an event among those of all sessions, in commit order. A reader that resumes
/// after the last position it read misses nothing. Positions grow, are never reused and have
/// gaps.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct LogPosition(pub u64);

impl LogPosition {
    /// The position before every event.
    pub const START: Self = Self(0);
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

/// The size of events at which a read of a log stops, in bytes. A reader holds the events of one
/// read, so this bounds its memory. A single larger event is read whole.
pub const READ_BYTES: usize = 256 * 1024;

/// An event as it is stored: its positions, the columns that filters use, and its wire form. The
/// wire form is encoded once, when the event is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The session of the log.
    pub session: SessionId,
    /// The number of the event in that log.
    pub seq: EventSeq,
    /// The position among the events of all sessions.
    pub position: LogPosition,
    /// The type of the event.
    pub event_type: EventType,
    /// The level; log lines only.
    pub level: Option<LogLevel>,
    /// The wire form of the [`SessionEvent`].
    pub json: String,
}

/// The end of a session's log, and the version of the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The number of the last event.
    pub last_seq: EventSeq,
    /// The version.
    pub version: SessionVersion,
}

/// The log.
///
/// Only [`Sessions::write`](crate::Sessions::write) and the creation and claim of sessions append
/// to it.
#[async_trait]
pub trait EventLog: Send + Sync {
    /// Returns at most `limit` events after `after`, oldest first. It returns fewer events than
    /// exist if they are large, about [`READ_BYTES`] together, but returns none only at the end of
    /// the log.
    async fn events_after(
        &self,
        id: SessionId,
        after: EventSeq,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError>;

    /// Returns at most `limit` events of all sessions after `after`, in commit order. It returns
    /// fewer events than exist if they are large, about [`READ_BYTES`] together, but returns none
    /// only at the end of the log.
    async fn all_events_after(
        &self,
        after: LogPosition,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError>;

    /// Returns the position of the first event of all sessions, [`LogPosition::START`] if there is
    /// none. The first position of a store is random, so that a position of another store is
    /// outside of its log.
    async fn log_begin(&self) -> Result<LogPosition, StoreError>;

    /// Returns the position before the first event of the session `id`.
    async fn log_before(&self, id: SessionId) -> Result<LogPosition, StoreError>;

    /// Returns the position of the last committed event of all sessions.
    async fn log_end(&self) -> Result<LogPosition, StoreError>;

    /// Returns a page of a session's history. It has fewer events than the page if they are large,
    /// about [`READ_BYTES`] together, but has none only if the page has none. The rest comes after
    /// the last one: after its number, or before it if the newest are first.
    async fn list_events(
        &self,
        id: SessionId,
        query: &EventQuery,
    ) -> Result<Page<SessionEvent>, StoreError>;

    /// Subscribes to the head of a session. A commit of this process moves it at once, one of
    /// another process within a tenth of a second. The channel carries no events.
    fn watch_session(&self, id: SessionId) -> watch::Receiver<Head>;

    /// Subscribes to the position of the last event of all sessions, with the delays of
    /// [`EventLog::watch_session`].
    fn watch_log(&self) -> watch::Receiver<LogPosition>;
}
