//! The log lines of a session: its events as lines of text.

use serde::{Deserialize, Serialize};

use super::params::params;
use super::reader::Reader;
use crate::{
    EventFilter, EventPayload, EventQuery, EventSeq, EventType, FieldErrors, LogLevel,
    PER_PAGE_MAX, PageRequest, SessionEvent, SortOrder, Timestamp, ToolOutcome,
};

params! {
    /// The query parameters of `GET /sessions/{id}/logs`; see [`LogQuery`].
    LogParams {
        /// Only lines that are at least as severe. Messages and tools are `info`, failed tools and
        /// errors `error`, thoughts and details `debug`.
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
        EventQuery {
            filter: self
                .level
                .map_or_else(EventFilter::default, EventFilter::of_log_level),
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
        let mut items: Vec<LogItem> = events.into_iter().map(LogItem::of).collect();
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

/// A line of a session's log: an event as text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct LogItem {
    /// The severity.
    pub level: LogLevel,
    /// The text, which may have line breaks.
    pub message: String,
    /// The time of the event.
    pub ts: Timestamp,
    /// The sequence number of its event in the session's log.
    pub seq: EventSeq,
    /// The tool run of the line; absent if it is of no tool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_execution_id: Option<String>,
}

impl LogItem {
    /// Returns an event as a line, which may have line breaks.
    #[must_use]
    pub fn of(event: SessionEvent) -> Self {
        let level = event.payload.log_level();
        let summary = event.payload.summary();
        let (message, tool_execution_id) = match event.payload {
            EventPayload::Log(log) => (log.message, log.tool_execution_id),
            EventPayload::Message(message) => {
                (format!("{}: {}", message.role, message.text()), None)
            }
            EventPayload::Thought(thought) => (thought.thought, None),
            EventPayload::ToolUse(used) => (summary, Some(used.tool_execution_id)),
            EventPayload::ToolResult(result) => {
                let output = result.tool_output.trim_end();
                let message = if output.is_empty() {
                    summary
                } else {
                    output.to_owned()
                };
                (message, Some(result.tool_execution_id))
            }
            EventPayload::Error(error) => (error.message, None),
            other => (format!("{}: {summary}", other.event_type()), None),
        };
        Self {
            level,
            message,
            ts: event.ts,
            seq: event.seq,
            tool_execution_id,
        }
    }
}

impl EventPayload {
    /// Returns the severity of the event as a log line.
    #[must_use]
    pub fn log_level(&self) -> LogLevel {
        match self {
            Self::Log(log) => log.level,
            Self::ToolResult(result) if result.status == ToolOutcome::Failed => LogLevel::Error,
            other => other.event_type().log_level(),
        }
    }
}

impl EventType {
    /// Returns the severity of events of this type as log lines; the least severe one if it depends
    /// on the event.
    const fn log_level(self) -> LogLevel {
        match self {
            Self::Error => LogLevel::Error,
            Self::Message
            | Self::ToolUse
            | Self::ToolResult
            | Self::FileEdit
            | Self::Status
            | Self::PermissionRequest
            | Self::PermissionResolved => LogLevel::Info,
            Self::Log => LogLevel::Trace,
            _ => LogLevel::Debug,
        }
    }
}

impl EventFilter {
    /// Returns the filter for the events that are at least as severe as `level` as log lines.
    #[must_use]
    pub fn of_log_level(level: LogLevel) -> Self {
        let own = [EventType::Log, EventType::ToolResult];
        let others = EventType::ALL
            .into_iter()
            .filter(|event_type| event_type.log_level() <= level);
        let filter = Self::default()
            .with_types(own.into_iter().chain(others))
            .with_level(level);
        if EventType::ToolResult.log_level() <= level {
            filter
        } else {
            filter.with_failed_tools_only()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ErrorEvent, Log, StatusChange, ToolResult};

    fn tool(status: ToolOutcome) -> EventPayload {
        EventPayload::ToolResult(ToolResult {
            tool_name: "runCmd".to_owned(),
            tool_output: "output\n".to_owned(),
            tool_execution_id: "tool_exec_1".to_owned(),
            status,
            exit_code: None,
            attachments: Vec::new(),
        })
    }

    #[test]
    fn filter_admits_the_events_whose_lines_have_the_level() {
        let log = |level| {
            EventPayload::Log(Log {
                level,
                message: "x".to_owned(),
                tool_execution_id: None,
            })
        };
        let status = EventPayload::Status(StatusChange {
            status: crate::SessionStatus::Running,
            previous: None,
            reason: None,
            exit_code: None,
            signal: None,
        });
        let error = EventPayload::Error(ErrorEvent {
            message: "x".to_owned(),
        });
        let mut payloads = vec![
            tool(ToolOutcome::Completed),
            tool(ToolOutcome::Failed),
            status,
            error,
        ];
        payloads.extend(LogLevel::ALL.map(log));
        for level in LogLevel::ALL {
            let filter = EventFilter::of_log_level(level);
            for payload in &payloads {
                assert_eq!(
                    filter.admits(payload),
                    payload.log_level() <= level,
                    "{level} {payload:?}"
                );
            }
        }
    }

    #[test]
    fn line_of_a_tool_is_its_output() {
        let event = SessionEvent {
            seq: EventSeq::new(3),
            ts: Timestamp::from_unix_millis(0),
            session_id: "01JZAAAAAAAAAAAAAAAAAAAAA1".parse().unwrap(),
            payload: tool(ToolOutcome::Failed),
        };
        let line = LogItem::of(event);
        assert_eq!((line.level, &*line.message), (LogLevel::Error, "output"));
        assert_eq!(line.tool_execution_id.as_deref(), Some("tool_exec_1"));
    }
}
