//! Queries for events.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::reader::{Reader, joined};
use crate::{
    EventFilter, EventQuery, EventSeq, EventType, FieldErrors, LogCursor, LogLevel, SessionId,
    SortOrder,
};

/// The maximum number of sessions that one stream can name.
pub const STREAM_SESSIONS_MAX: usize = 200;

/// The query parameters of `GET /sessions/{id}/events`, which returns a stream or a page of
/// history; see [`StreamQuery`] and [`EventQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EventParams {
    /// Only events of these types.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<Vec<EventType>>, inline, style = Form, explode = false, min_items = 1))]
    pub types: Option<String>,
    /// Only `log` events that are at least as severe. Other events are not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<LogLevel>))]
    pub level: Option<String>,
    /// Only events after this sequence number. In a stream, `Last-Event-ID` has the same meaning
    /// and takes precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<EventSeq>))]
    pub after: Option<String>,
    /// History: only events before this sequence number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<EventSeq>))]
    pub before: Option<String>,
    /// History: only events at or after this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::Timestamp>))]
    pub since: Option<String>,
    /// History: only events before this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::Timestamp>))]
    pub until: Option<String>,
    /// History: oldest or newest first; newest first if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<SortOrder>, inline))]
    pub sort: Option<String>,
    /// History: the page number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PageNumber>, inline))]
    pub page: Option<String>,
    /// History: the number of events per page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 200))]
    pub per_page: Option<String>,
    /// Streams: includes ephemeral events. History has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<bool>))]
    pub deltas: Option<String>,
}

impl EventParams {
    /// Returns true if a parameter is present that only history has. The response is then a page of
    /// history, regardless of the `Accept` header.
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
    types: Option<&str>,
    level: Option<&str>,
    deltas: Option<&str>,
) -> EventFilter {
    let types = reader.list("type", types, "an event type", EventType::from_word);
    let mut filter = EventFilter::default().with_types(types);
    let words = "`error`, `warn`, `info`, `debug` or `trace`";
    if let Some(level) = reader.value("level", level, words, LogLevel::from_word) {
        filter = filter.with_level(level);
    }
    if reader.flag("deltas", deltas) {
        filter = filter.with_ephemeral();
    }
    filter
}

fn read_seq(reader: &mut Reader, field: &str, text: Option<&str>) -> Option<EventSeq> {
    let must_be = format!("a whole number from 0 to {}", EventSeq::MAX);
    reader.value(field, text, &must_be, |text| text.parse().ok())
}

impl TryFrom<EventParams> for StreamQuery {
    type Error = FieldErrors;

    fn try_from(params: EventParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let after = read_seq(&mut reader, "after", params.after.as_deref());
        let filter = read_filter(
            &mut reader,
            params.types.as_deref(),
            params.level.as_deref(),
            params.deltas.as_deref(),
        );
        reader.finish(Self { after, filter })
    }
}

impl TryFrom<EventParams> for EventQuery {
    type Error = FieldErrors;

    fn try_from(params: EventParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let query = Self {
            filter: read_filter(
                &mut reader,
                params.types.as_deref(),
                params.level.as_deref(),
                params.deltas.as_deref(),
            ),
            after: read_seq(&mut reader, "after", params.after.as_deref()),
            before: read_seq(&mut reader, "before", params.before.as_deref()),
            since: reader.moment("since", params.since.as_deref()),
            until: reader.moment("until", params.until.as_deref()),
            sort: reader
                .value(
                    "sort",
                    params.sort.as_deref(),
                    "`asc` or `desc`",
                    SortOrder::from_word,
                )
                .unwrap_or_default(),
            page: reader.page(params.page.as_deref(), params.per_page.as_deref()),
        };
        reader.finish(query)
    }
}

impl From<StreamQuery> for EventParams {
    fn from(query: StreamQuery) -> Self {
        Self {
            after: query.after.map(|after| after.to_string()),
            types: joined(query.filter.types().into_iter().flatten()),
            level: query.filter.level().map(|level| level.as_str().to_owned()),
            deltas: query.filter.wants_ephemeral().then(|| true.to_string()),
            ..Self::default()
        }
    }
}

impl From<EventQuery> for EventParams {
    fn from(query: EventQuery) -> Self {
        let stream = StreamQuery {
            after: query.after,
            filter: query.filter,
        };
        Self {
            before: query.before.map(|before| before.to_string()),
            since: query.since.map(|since| since.to_string()),
            until: query.until.map(|until| until.to_string()),
            sort: Some(query.sort.as_str().to_owned()),
            page: Some(query.page.page().to_string()),
            per_page: Some(query.page.per_page().to_string()),
            ..Self::from(stream)
        }
    }
}

/// The query parameters of `GET /events`, the stream of many sessions; see [`AllEventsQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AllEventsParams {
    /// Only events of these sessions; of all that the caller can see if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<Vec<SessionId>>, style = Form, explode = false, min_items = 1, max_items = 200))]
    pub sessions: Option<String>,
    /// Only events of these types.
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<Vec<EventType>>, inline, style = Form, explode = false, min_items = 1))]
    pub types: Option<String>,
    /// Only `log` events that are at least as severe. Other events are not affected.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<LogLevel>))]
    pub level: Option<String>,
    /// Only events after this cursor, an `id:` of this stream; only new events if absent.
    /// `Last-Event-ID` has the same meaning and takes precedence.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<LogCursor>))]
    pub after: Option<String>,
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
        let sessions = reader.list(
            "sessions",
            params.sessions.as_deref(),
            "a session's id",
            |word| word.parse().ok(),
        );
        if sessions.len() > STREAM_SESSIONS_MAX {
            reader.refuse("sessions", format!("must be at most {STREAM_SESSIONS_MAX}"));
        }
        let query = Self {
            sessions: params
                .sessions
                .is_some()
                .then(|| BTreeSet::from_iter(sessions)),
            after: reader.value(
                "after",
                params.after.as_deref(),
                "an `id:` of this stream",
                |text| text.parse().ok(),
            ),
            filter: read_filter(
                &mut reader,
                params.types.as_deref(),
                params.level.as_deref(),
                None,
            ),
        };
        reader.finish(query)
    }
}

impl From<AllEventsQuery> for AllEventsParams {
    fn from(query: AllEventsQuery) -> Self {
        Self {
            sessions: query.sessions.and_then(joined),
            types: joined(query.filter.types().into_iter().flatten()),
            level: query.filter.level().map(|level| level.as_str().to_owned()),
            after: query.after.map(|after| after.to_string()),
        }
    }
}
