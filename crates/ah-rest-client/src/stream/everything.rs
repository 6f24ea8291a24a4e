//! The position of a reader among the events of many sessions.

use std::fmt;

use ah_rest_api_contract::operations::{self, paths};
use ah_rest_api_contract::sse::Frame;
use ah_rest_api_contract::{
    AllEventsParams, AllEventsQuery, EventType, LogCursor, SessionEvent, TaskId, TaskManagerError,
};

use super::{StreamFault, StreamPosition, Verdict};
use crate::call::ApiCall;
use crate::client::RestClient;
use crate::retry::AttemptFailure;

/// The position of a reader among the events of many sessions.
#[derive(Debug)]
pub(crate) struct Everything {
    query: AllEventsQuery,
    /// The task whose sessions these are, if the stream is of one task.
    task: Option<TaskId>,
    /// The last position; `None` to start with the next event.
    seen: Option<LogCursor>,
}

impl Everything {
    pub(crate) const fn new(mut query: AllEventsQuery) -> Self {
        let seen = query.after.take();
        Self {
            query,
            task: None,
            seen,
        }
    }

    /// Creates the position in the stream of one task's events.
    pub(crate) const fn of_task(task: TaskId, query: AllEventsQuery) -> Self {
        let mut position = Self::new(query);
        position.task = Some(task);
        position
    }

    /// Advances to `cursor`, and returns false if it was seen before.
    fn move_to(&mut self, cursor: LogCursor) -> bool {
        let is_new = self.seen.is_none_or(|seen| cursor > seen);
        if is_new {
            self.seen = Some(cursor);
        }
        is_new
    }
}

impl fmt::Display for Everything {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.seen {
            Some(cursor) => write!(f, "{cursor}"),
            None => f.write_str("the beginning"),
        }
    }
}

impl StreamPosition for Everything {
    type Item = (LogCursor, SessionEvent);
    type Cursor = Option<LogCursor>;

    fn cursor(&self) -> Option<LogCursor> {
        self.seen
    }

    fn call(&self) -> Result<ApiCall, TaskManagerError> {
        let query = AllEventsParams::from(self.query.clone());
        let seen = self.seen.map(|seen| seen.to_string());
        let call = match self.task {
            Some(task) => ApiCall::new(&operations::TASK_EVENTS, paths::task_events(task)),
            None => ApiCall::new(&operations::ALL_EVENTS, paths::all_events()),
        };
        call?.with_query(&query)?.streaming(seen.as_deref())
    }

    fn judge(&mut self, frame: &Frame) -> Result<Verdict<Self::Item>, StreamFault> {
        let Some(id) = &frame.id else {
            // An ephemeral event does not name its session, so it is useless among many sessions.
            return Ok(Verdict::Pass);
        };
        let cursor = id.parse().map_err(|_| StreamFault::Id(frame.id.clone()))?;
        let is_known = |name: &str| EventType::from_word(name).is_some();
        let event = match serde_json::from_str(&frame.data) {
            Ok(event) => event,
            // Something of a newer server that is not an event of a log.
            Err(_) if !frame.event.as_deref().is_some_and(is_known) => {
                self.move_to(cursor);
                return Ok(Verdict::Pass);
            }
            Err(error) => return Err(StreamFault::Event(error)),
        };
        Ok(if self.move_to(cursor) {
            Verdict::Yield((cursor, event))
        } else {
            Verdict::Pass
        })
    }

    fn leave(&mut self, last_event_id: &str) {
        // A frame without data also has a position: the start of a stream of new events.
        if let Ok(cursor) = last_event_id.parse() {
            self.move_to(cursor);
        }
    }

    async fn is_over(&mut self, _client: &RestClient) -> Result<bool, AttemptFailure> {
        Ok(false)
    }
}
