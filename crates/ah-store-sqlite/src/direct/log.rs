//! Reads of the log.

use std::ops::RangeInclusive;

use ah_rest_api_contract::{EventQuery, EventSeq, Page, SessionEvent, SessionId, SortOrder};
use ah_store::{EventRow, LogPosition, READ_BYTES, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Params, Row, params};

use super::{Direct, snapshot};
use crate::error::{During as _, not_found};
use crate::rows::{self, Reader, StoredEventRow, stored};

/// The most events of one read, regardless of the limit that is asked for.
const READ_MAX: u32 = 1000;

impl Direct {
    /// Returns events of a session. See [`ah_store::EventLog::events_after`].
    pub(crate) async fn events_after(
        &self,
        id: SessionId,
        after: EventSeq,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.read("read events", |connection| {
            let rows = up_to_bytes(
                connection,
                "SELECT key, seq, type, level, json FROM events
                 WHERE session = (SELECT key FROM sessions WHERE id = ?1) AND seq > ?2
                 ORDER BY seq
                 LIMIT ?3",
                params![
                    id.to_string(),
                    stored(after.get())?,
                    limit.clamp(1, READ_MAX)
                ],
                |row| stored_event(row)?.into_event_row(id),
            )?;
            if rows.is_empty() {
                // Only a reader at the end pays for telling an empty read from a missing session.
                log_of(connection, id)?;
            }
            Ok(rows)
        })
        .await
    }

    /// Returns events of all sessions. See [`ah_store::EventLog::all_events_after`].
    ///
    /// Keys are assigned under the write lock, which is held until the commit. Therefore they grow
    /// in commit order, and none appears below a key that was read.
    pub(crate) async fn all_events_after(
        &self,
        after: LogPosition,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.read("read the events of all sessions", |connection| {
            // The cross join keeps the order of the log, so no sort is needed.
            up_to_bytes(
                connection,
                "SELECT events.key, events.seq, events.type, events.level, events.json, sessions.id
                 FROM events CROSS JOIN sessions ON sessions.key = events.session
                 WHERE events.key > ?1
                 ORDER BY events.key
                 LIMIT ?2",
                params![stored(after.0)?, limit.clamp(1, READ_MAX)],
                |row| {
                    let id: String = row.get(5).during("read an event")?;
                    let id = Reader::new("sessions", &id).parsed("id", &id)?;
                    stored_event(row)?.into_event_row(id)
                },
            )
        })
        .await
    }

    /// Returns a page of the history of a session within `bounds`.
    pub(crate) async fn history(
        &self,
        id: SessionId,
        query: &EventQuery,
        bounds: Bounds,
    ) -> Result<Page<SessionEvent>, StoreError> {
        self.read("list events", |connection| {
            snapshot(connection, || page(connection, id, query, bounds))
        })
        .await
    }
}

/// The bounds of a history that is selected by its numbers alone: exclusive ones.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    after: u64,
    before: Option<u64>,
}

impl Bounds {
    /// Returns the bounds of `query`; `None` if it also selects by other properties of events.
    pub(crate) fn of(query: &EventQuery) -> Option<Self> {
        let EventQuery {
            filter,
            after,
            before,
            since: None,
            until: None,
            sort: _,
            page: _,
        } = query
        else {
            return None;
        };
        // Ephemeral events are in no log.
        let admits_all = filter.types().is_none()
            && filter.level().is_none()
            && !filter.wants_failed_tools_only();
        admits_all.then(|| Self {
            after: after.map_or(0, EventSeq::get),
            before: before.map(EventSeq::get),
        })
    }

    /// Returns the number of selected events of a log whose last event is `last`, and the numbers of
    /// those on a page. A log has no gaps, so nothing is counted and nothing is skipped.
    fn page(self, query: &EventQuery, last: u64) -> (u64, RangeInclusive<u64>) {
        let top = self
            .before
            .map_or(last, |before| before.saturating_sub(1).min(last));
        let total = top.saturating_sub(self.after);
        let skipped = query.page.offset().min(total);
        let shown = u64::from(query.page.per_page()).min(total - skipped);
        let first = match query.sort {
            SortOrder::Asc => self.after.saturating_add(skipped).saturating_add(1),
            SortOrder::Desc => top - skipped - shown + 1,
        };
        // `shown` may be 0, which makes the range empty.
        (total, first..=first.saturating_add(shown).saturating_sub(1))
    }
}

fn page(
    connection: &Connection,
    id: SessionId,
    query: &EventQuery,
    bounds: Bounds,
) -> Result<Page<SessionEvent>, StoreError> {
    const LIST: &str = "list events";
    let (session, last) = log_of(connection, id)?;
    let (total, numbers) = bounds.page(query, last);
    let items = if numbers.is_empty() {
        Vec::new()
    } else {
        let sql = match query.sort {
            SortOrder::Asc => {
                "SELECT seq, json FROM events WHERE session = ?1 AND seq BETWEEN ?2 AND ?3
                 ORDER BY seq"
            }
            SortOrder::Desc => {
                "SELECT seq, json FROM events WHERE session = ?1 AND seq BETWEEN ?2 AND ?3
                 ORDER BY seq DESC"
            }
        };
        let mut statement = connection.prepare_cached(sql).during(LIST)?;
        let mut rows = statement
            .query(params![
                session,
                stored(*numbers.start())?,
                stored(*numbers.end())?
            ])
            .during(LIST)?;
        let (mut items, mut bytes) = (Vec::new(), 0);
        while bytes < READ_BYTES
            && let Some(row) = rows.next().during(LIST)?
        {
            let seq = row.get(0).during(LIST)?;
            let json: String = row.get(1).during(LIST)?;
            bytes += json.len();
            items.push(rows::event(id, seq, &json)?);
        }
        items
    };
    Ok(Page::new(items, total, query.page))
}

/// Returns the key of the session `id`, and the number of its last event.
pub(super) fn log_of(connection: &Connection, id: SessionId) -> Result<(i64, u64), StoreError> {
    const FIND: &str = "find a session";
    let text = id.to_string();
    let (key, last) = connection
        .prepare_cached("SELECT key, last_seq FROM sessions WHERE id = ?1")
        .during(FIND)?
        .query_row([&text], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()
        .during(FIND)?
        .ok_or_else(|| not_found("session", id))?;
    let last = Reader::new("sessions", &text).number("last_seq", last)?;
    Ok((key, last))
}

/// Reads rows until they have [`READ_BYTES`] together.
fn up_to_bytes(
    connection: &Connection,
    sql: &str,
    parameters: impl Params,
    read: impl Fn(&Row<'_>) -> Result<EventRow, StoreError>,
) -> Result<Vec<EventRow>, StoreError> {
    const READ: &str = "read events";
    let mut statement = connection.prepare_cached(sql).during(READ)?;
    let mut rows = statement.query(parameters).during(READ)?;
    let (mut events, mut bytes) = (Vec::new(), 0);
    while bytes < READ_BYTES
        && let Some(row) = rows.next().during(READ)?
    {
        let event = read(row)?;
        bytes += event.json.len();
        events.push(event);
    }
    Ok(events)
}

fn stored_event(row: &Row<'_>) -> Result<StoredEventRow, StoreError> {
    let read = || -> rusqlite::Result<StoredEventRow> {
        Ok(StoredEventRow {
            key: row.get(0)?,
            seq: row.get(1)?,
            event_type: row.get(2)?,
            level: row.get(3)?,
            json: row.get(4)?,
        })
    };
    read().during("read an event")
}
