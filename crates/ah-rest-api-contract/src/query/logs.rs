//! The log lines of a session: its `log` events as a list.

use serde::{Deserialize, Serialize};

use super::params::params;
use super::reader::Reader;
use crate::{
    EventFilter, EventPayload, EventQuery, EventSeq, EventType, FieldErrors, LogLevel,
    PER_PAGE_MAX, PageRequest, SessionEvent, SortOrder, Timestamp,
};

params! {
    /// The query parameters of `GET /sessions/{id}/logs`; see [`LogQuery`].
    LogParams {
        /// Only lines that are at least as severe.
        level: (Option<LogLevel>);
        /// Only lines at or after this time.
        since: (Option<Timestamp>);
        /// The number of last lines to return instead of a page; `page` and `perPage` are then
        /// ignored.
        tail: (Option<u32>, minimum = 1, maximum = 200);
        /// The page number, from 1.
        page: (Option<crate::openapi::PageNumber>, inline);
        /// The number of lines per page.
        per_page: (Option<u32>, minimum = 1, maximum = 200);
    }
}

/// A query for the log lines of a session, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    level: Option<LogLevel>,
    since: Option<Timestamp>,
    is_tail: bool,
    page: PageRequest,
}

impl LogQuery {
    /// Returns the query for these lines among a session's events. Pass its result to
    /// [`LogQuery::in_order`].
    #[must_use]
    pub fn events(&self) -> EventQuery {
        let mut filter = EventFilter::default().with_types([EventType::Log]);
        if let Some(level) = self.level {
            filter = filter.with_level(level);
        }
        EventQuery {
            filter,
            since: self.since,
            sort: if self.is_tail {
                SortOrder::Desc
            } else {
                SortOrder::Asc
            },
            page: self.page,
            ..EventQuery::default()
        }
    }

    /// Returns the requested page of lines; the last lines if a tail is requested.
    #[must_use]
    pub const fn page(&self) -> PageRequest {
        self.page
    }

    /// Returns true if the last lines are requested instead of a page.
    #[must_use]
    pub const fn is_tail(&self) -> bool {
        self.is_tail
    }

    /// Returns the lines of the events that [`LogQuery::events`] selected, oldest first.
    #[must_use]
    pub fn in_order(&self, events: Vec<SessionEvent>) -> Vec<LogItem> {
        let mut items: Vec<LogItem> = events.into_iter().filter_map(LogItem::of).collect();
        if self.is_tail {
            items.reverse();
        }
        items
    }
}

impl TryFrom<LogParams> for LogQuery {
    type Error = FieldErrors;

    fn try_from(params: LogParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let level = reader.get("level", &params.level);
        let since = reader.get("since", &params.since);
        let page = reader.page(&params.page, &params.per_page);
        let tail = reader.number("tail", &params.tail, 1..=PER_PAGE_MAX);
        let last = tail.and_then(|count| reader.accept(PageRequest::new(1, count)));
        reader.finish(Self {
            level,
            since,
            is_tail: last.is_some(),
            page: last.unwrap_or(page),
        })
    }
}

/// A line of a session's log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LogItem {
    /// The severity.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// The time at which the line was written.
    pub ts: Timestamp,
    /// The sequence number of its event in the session's log.
    pub seq: EventSeq,
    /// The tool run that printed the line; absent if no tool did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_execution_id: Option<String>,
}

impl LogItem {
    /// Returns the line of an event; `None` if it is not a `log` event.
    #[must_use]
    pub fn of(event: SessionEvent) -> Option<Self> {
        match event.payload {
            EventPayload::Log(log) => Some(Self {
                level: log.level,
                message: log.message,
                ts: event.ts,
                seq: event.seq,
                tool_execution_id: log.tool_execution_id,
            }),
            _ => None,
        }
    }
}
