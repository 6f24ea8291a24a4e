//! Queries for events.

use std::collections::BTreeSet;

use super::params::params;
use super::reader::{Parameter as _, Reader, joined};
use crate::{
    EventFilter, EventQuery, EventSeq, EventType, FieldErrors, LogCursor, SessionId, SortOrder,
};

/// The maximum number of sessions that one stream can name.
pub const STREAM_SESSIONS_MAX: usize = 200;

params! {
    /// The query parameters of `GET /sessions/{id}/events/stream`; see [`StreamQuery`].
    StreamParams {
        /// Only events of these types.
        #[serde(rename = "type")]
        types list "type": (Option<Vec<EventType>>, inline, style = Form, explode = false, min_items = 1);
        /// Only `log` events that are at least as severe. Other events are not affected.
        level: (Option<crate::LogLevel>);
        /// Only events after this sequence number. `Last-Event-ID` has the same meaning and takes
        /// precedence.
        after: (Option<EventSeq>);
        /// Includes ephemeral events.
        deltas: (Option<bool>);
    }
}

params! {
    /// The query parameters of `GET /sessions/{id}/events`; see [`EventQuery`].
    EventParams {
        /// Only events of these types.
        #[serde(rename = "type")]
        types list "type": (Option<Vec<EventType>>, inline, style = Form, explode = false, min_items = 1);
        /// Only `log` events that are at least as severe. Other events are not affected.
        level: (Option<crate::LogLevel>);
        /// Only events after this sequence number.
        after: (Option<EventSeq>);
        /// Only events before this sequence number.
        before: (Option<EventSeq>);
        /// Only events at or after this time.
        since: (Option<crate::Timestamp>);
        /// Only events before this time.
        until: (Option<crate::Timestamp>);
        /// Oldest or newest first; newest first if absent.
        sort: (Option<SortOrder>, inline);
        /// The page number, from 1.
        page: (Option<crate::openapi::PageNumber>, inline);
        /// The number of events per page.
        per_page: (Option<u32>, minimum = 1, maximum = 200);
    }
}

impl EventParams {
    /// Returns true if a parameter is present that a stream does not have. The response is then a
    /// page, regardless of the `Accept` header.
    #[must_use]
    pub const fn asks_for_history(&self) -> bool {
        self.before.is_some()
            || self.since.is_some()
            || self.until.is_some()
            || self.sort.is_some()
            || self.page.is_some()
            || self.per_page.is_some()
    }
}

/// A query for a stream of one session's events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamQuery {
    /// The last event that the reader has received.
    pub after: Option<EventSeq>,
    /// The filter for events.
    pub filter: EventFilter,
}

/// Checks that a reader's cursor is in a session's log, whose last event is `last`. A cursor of
/// another session or of a lost log may be beyond it, and a reader would wait there for ever.
///
/// # Errors
/// The fault of the field `after`.
pub fn check_cursor(after: EventSeq, last: EventSeq) -> Result<(), FieldErrors> {
    if after <= last {
        return Ok(());
    }
    let message = format!("is {after}, but the last event of the session is {last}");
    Err(FieldErrors::of("after", message))
}

/// Checks that a reader's cursor is among the events of all sessions, from `first` to `last`. A
/// cursor of another store is not, and a reader would miss events or wait for ever.
///
/// # Errors
/// The fault of the field `after`.
pub fn check_log_cursor(
    after: LogCursor,
    first: LogCursor,
    last: LogCursor,
) -> Result<(), FieldErrors> {
    if after == LogCursor::START || (first..=last).contains(&after) {
        return Ok(());
    }
    let message = format!(
        "is {after}, which is not an event of this server; start again without it, or with {}",
        LogCursor::START
    );
    Err(FieldErrors::of("after", message))
}

fn read_filter(
    reader: &mut Reader,
    types: &Option<String>,
    level: &Option<String>,
    deltas: &Option<String>,
) -> EventFilter {
    let types: Vec<EventType> = reader.get("type", types);
    let mut filter = EventFilter::default().with_types(types);
    if let Some(level) = reader.get("level", level) {
        filter = filter.with_level(level);
    }
    if reader.get("deltas", deltas) {
        filter = filter.with_ephemeral();
    }
    filter
}

impl TryFrom<StreamParams> for StreamQuery {
    type Error = FieldErrors;

    fn try_from(params: StreamParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let query = Self {
            after: reader.get("after", &params.after),
            filter: read_filter(&mut reader, &params.types, &params.level, &params.deltas),
        };
        reader.finish(query)
    }
}

impl TryFrom<EventParams> for EventQuery {
    type Error = FieldErrors;

    fn try_from(params: EventParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let sort: Option<SortOrder> = reader.get("sort", &params.sort);
        let query = Self {
            filter: read_filter(&mut reader, &params.types, &params.level, &None),
            after: reader.get("after", &params.after),
            before: reader.get("before", &params.before),
            since: reader.get("since", &params.since),
            until: reader.get("until", &params.until),
            sort: sort.unwrap_or_default(),
            page: reader.page(&params.page, &params.per_page),
        };
        reader.finish(query)
    }
}

impl From<StreamQuery> for StreamParams {
    fn from(query: StreamQuery) -> Self {
        Self {
            after: query.after.write(),
            types: joined(query.filter.types().into_iter().flatten()),
            level: query.filter.level().write(),
            deltas: query.filter.wants_ephemeral().write(),
        }
    }
}

impl From<EventQuery> for EventParams {
    fn from(query: EventQuery) -> Self {
        Self {
            after: query.after.write(),
            types: joined(query.filter.types().into_iter().flatten()),
            level: query.filter.level().write(),
            before: query.before.write(),
            since: query.since.write(),
            until: query.until.write(),
            sort: Some(query.sort.to_string()),
            page: Some(query.page.page().to_string()),
            per_page: Some(query.page.per_page().to_string()),
        }
    }
}

params! {
    /// The query parameters of `GET /events`, the stream of many sessions; see [`AllEventsQuery`].
    AllEventsParams {
        /// Only events of these sessions; of all that the caller can see if absent.
        sessions list "sessions": (Option<Vec<SessionId>>, style = Form, explode = false, min_items = 1, max_items = 200);
        /// Only events of these types.
        #[serde(rename = "type")]
        types list "type": (Option<Vec<EventType>>, inline, style = Form, explode = false, min_items = 1);
        /// Only `log` events that are at least as severe. Other events are not affected.
        level: (Option<crate::LogLevel>);
        /// Only events after this cursor, an `id:` of this stream; only new events if absent.
        /// `Last-Event-ID` has the same meaning and takes precedence.
        after: (Option<LogCursor>);
    }
}

/// A query for a stream of many sessions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllEventsQuery {
    /// The sessions, at most [`STREAM_SESSIONS_MAX`]; `None` means all.
    pub sessions: Option<BTreeSet<SessionId>>,
    /// The cursor of the last event that the reader has received.
    pub after: Option<LogCursor>,
    /// The filter for events. These streams contain no ephemeral events.
    pub filter: EventFilter,
}

impl TryFrom<AllEventsParams> for AllEventsQuery {
    type Error = FieldErrors;

    fn try_from(params: AllEventsParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let sessions: Vec<SessionId> = reader.get("sessions", &params.sessions);
        if sessions.len() > STREAM_SESSIONS_MAX {
            reader.refuse("sessions", format!("must be at most {STREAM_SESSIONS_MAX}"));
        }
        let query = Self {
            sessions: params
                .sessions
                .is_some()
                .then(|| BTreeSet::from_iter(sessions)),
            after: reader.get("after", &params.after),
            filter: read_filter(&mut reader, &params.types, &params.level, &None),
        };
        reader.finish(query)
    }
}

impl From<AllEventsQuery> for AllEventsParams {
    fn from(query: AllEventsQuery) -> Self {
        Self {
            sessions: query.sessions.and_then(joined),
            types: joined(query.filter.types().into_iter().flatten()),
            level: query.filter.level().write(),
            after: query.after.write(),
        }
    }
}
