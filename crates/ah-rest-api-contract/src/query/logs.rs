//! A session's log lines: the `log` events of its log, as a list of their own.

use serde::{Deserialize, Serialize};

use super::reader::Reader;
use crate::{
    EventFilter, EventPayload, EventQuery, EventSeq, EventType, FieldErrors, LogLevel,
    PER_PAGE_MAX, PageRequest, SessionEvent, SortOrder, Timestamp,
};

/// The query of `GET /sessions/{id}/logs`; it means a [`LogQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct LogParams {
    /// Only lines that matter at least as much.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<LogLevel>))]
    pub level: Option<String>,
    /// Only lines at or after this moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<Timestamp>))]
    pub since: Option<String>,
    /// The last so many lines, instead of a page; `page` and `perPage` then say nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 200))]
    pub tail: Option<String>,
    /// Which page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PageNumber>, inline))]
    pub page: Option<String>,
    /// How many lines a page holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 200))]
    pub per_page: Option<String>,
}

/// Which of a session's log lines are wanted, oldest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogQuery {
    level: Option<LogLevel>,
    since: Option<Timestamp>,
    is_tail: bool,
    page: PageRequest,
}

impl LogQuery {
    /// The query for these lines among a session's events. What it yields is as
    /// [`LogQuery::in_order`] takes it.
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

    /// Which page of the lines is wanted; the last lines when a tail is.
    #[must_use]
    pub const fn page(&self) -> PageRequest {
        self.page
    }

    /// Whether the last lines are wanted instead of a page.
    #[must_use]
    pub const fn is_tail(&self) -> bool {
        self.is_tail
    }

    /// The lines of the events that [`LogQuery::events`] asked for, oldest first.
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
        let words = "`error`, `warn`, `info`, `debug` or `trace`";
        let level = reader.value("level", params.level.as_deref(), words, LogLevel::from_word);
        let since = reader.moment("since", params.since.as_deref());
        let page = reader.page(params.page.as_deref(), params.per_page.as_deref());
        let tail = reader.number("tail", params.tail.as_deref(), 1..=PER_PAGE_MAX);
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
pub struct LogItem {
    /// How much it matters.
    pub level: LogLevel,
    /// The line.
    pub message: String,
    /// When it was written.
    pub ts: Timestamp,
    /// The place of its event in the session's log.
    pub seq: EventSeq,
    /// The tool run that printed it; absent when no tool did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_execution_id: Option<String>,
}

impl LogItem {
    /// The line that an event is; `None` for one that is no `log`.
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
