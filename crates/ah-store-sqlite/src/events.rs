//! The log: appending to it and reading it.

use ah_rest_api_contract::{
    EventQuery, EventSeq, LogLevel, Page, SessionEvent, SessionId, SortOrder,
};
use ah_store::{EventRow, LogPosition, StoreError};
use sqlx::sqlite::SqliteQueryResult;
use sqlx::{Connection as _, SqliteConnection};

use crate::encode::EncodedEvent;
use crate::error::{During as _, not_found};
use crate::rows::{self, Reader, StoredEventRow, json_text, stored};

/// The most events that are read at once, however many are asked for.
const EVENTS_AT_ONCE: u32 = 1000;

/// Events that go into the log together, of any number of sessions.
#[derive(Default)]
pub(crate) struct Batch(Vec<Row>);

/// Session, seq, ts, type, level, json: by their places in the array that SQLite takes apart.
type Row = (i64, u64, i64, &'static str, Option<&'static str>, String);

impl Batch {
    /// Adds `event` at the place `seq` of the session with the key `session`.
    pub(crate) fn push(&mut self, session: i64, seq: EventSeq, event: &EncodedEvent) {
        self.0.push((
            session,
            seq.get(),
            event.ts.as_unix_millis(),
            event.event_type,
            event.level,
            event.numbered(seq),
        ));
    }

    /// Appends all of them with one statement, since every statement costs a change of threads.
    /// Says where the last of them is, if there are any.
    pub(crate) async fn insert(
        &self,
        connection: &mut SqliteConnection,
    ) -> Result<Option<LogPosition>, StoreError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let rows = self.rows()?;
        let done = sqlx::query!(
            "INSERT INTO events (session, seq, ts, type, level, json)
             SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
             FROM json_each($1)",
            rows
        )
        .execute(connection)
        .await
        .during("append events")?;
        self.last(&done)
    }

    /// The events, as the JSON array that SQLite takes apart.
    pub(crate) fn rows(&self) -> Result<String, StoreError> {
        json_text(&self.0)
    }

    /// Where the last of them is, if there are any, by what the statement that inserted them said.
    pub(crate) fn last(&self, done: &SqliteQueryResult) -> Result<Option<LogPosition>, StoreError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        position(done.last_insert_rowid()).map(Some)
    }
}

pub(crate) async fn after(
    connection: &mut SqliteConnection,
    id: SessionId,
    after: EventSeq,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let id_text = id.to_string();
    let after = stored(after.get())?;
    let limit = limit.clamp(1, EVENTS_AT_ONCE);
    let rows = sqlx::query_as!(
        StoredEventRow,
        "SELECT key, seq, type AS event_type, level, json FROM events
         WHERE session = (SELECT key FROM sessions WHERE id = $1) AND seq > $2
         ORDER BY seq
         LIMIT $3",
        id_text,
        after,
        limit
    )
    .fetch_all(&mut *connection)
    .await
    .during("read events")?;
    if rows.is_empty() {
        // Only a reader that has caught up pays for telling the end of a log from no log.
        key_of(connection, id).await?;
    }
    rows.into_iter().map(|row| row.into_event_row(id)).collect()
}

/// Events of all sessions. Their keys are given out under the write lock, which is held until the
/// commit: so they grow in the order of the commits, and none appears below one that was read.
pub(crate) async fn all_after(
    connection: &mut SqliteConnection,
    after: LogPosition,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let after = stored(after.0)?;
    let limit = limit.clamp(1, EVENTS_AT_ONCE);
    // The cross join keeps the order of the log, which needs no sorting.
    let rows = sqlx::query!(
        "SELECT events.key, events.seq, events.type AS event_type, events.level, events.json,
                sessions.id
         FROM events CROSS JOIN sessions ON sessions.key = events.session
         WHERE events.key > $1
         ORDER BY events.key
         LIMIT $2",
        after,
        limit
    )
    .fetch_all(connection)
    .await
    .during("read the events of all sessions")?;
    rows.into_iter()
        .map(|row| {
            let session = Reader::new("sessions", &row.id).parsed("id", &row.id)?;
            let event = StoredEventRow {
                key: row.key,
                seq: row.seq,
                event_type: row.event_type,
                level: row.level,
                json: row.json,
            };
            event.into_event_row(session)
        })
        .collect()
}

/// Where the last event of all sessions is.
pub(crate) async fn end(connection: &mut SqliteConnection) -> Result<LogPosition, StoreError> {
    let end = sqlx::query_scalar!(r#"SELECT coalesce(max(key), 0) AS "end!: i64" FROM events"#)
        .fetch_one(connection)
        .await
        .during("find the end of the log")?;
    position(end)
}

/// The place of the event with this key.
pub(crate) fn position(key: i64) -> Result<LogPosition, StoreError> {
    Reader::new("events", "")
        .number("key", key)
        .map(LogPosition)
}

pub(crate) async fn list(
    connection: &mut SqliteConnection,
    id: SessionId,
    query: &EventQuery,
) -> Result<Page<SessionEvent>, StoreError> {
    let mut snapshot = connection.begin().await.during("list events")?;
    let session = key_of(&mut snapshot, id).await?;
    let types = query.filter.types().map(json_text).transpose()?;
    let levels = query.filter.level().map(levels_up_to).transpose()?;
    let after = query.after.map(|seq| stored(seq.get())).transpose()?;
    let before = query.before.map(|seq| stored(seq.get())).transpose()?;
    let since = query.since.map(|moment| moment.as_unix_millis());
    let until = query.until.map(|moment| moment.as_unix_millis());
    let newest_first = query.sort == SortOrder::Desc;
    let limit = query.page.per_page();
    let offset = stored(query.page.offset())?;
    let wanted = sqlx::query!(
        r#"WITH wanted AS NOT MATERIALIZED (
             SELECT key, seq FROM events
             WHERE session = $1
             AND ($2 IS NULL OR type IN (SELECT value FROM json_each($2)))
             AND ($3 IS NULL OR level IS NULL OR level IN (SELECT value FROM json_each($3)))
             AND seq > coalesce($4, 0)
             AND ($5 IS NULL OR seq < $5)
             AND ($6 IS NULL OR ts >= $6)
             AND ($7 IS NULL OR ts < $7)
         )
         SELECT
             (SELECT count(*) FROM wanted) AS "total!: i64",
             iif(
                 $8,
                 (SELECT json_group_array(key)
                  FROM (SELECT key FROM wanted ORDER BY seq DESC LIMIT $9 OFFSET $10)),
                 (SELECT json_group_array(key)
                  FROM (SELECT key FROM wanted ORDER BY seq LIMIT $9 OFFSET $10))
             ) AS "keys!: String""#,
        session,
        types,
        levels,
        after,
        before,
        since,
        until,
        newest_first,
        limit,
        offset
    )
    .fetch_one(&mut *snapshot)
    .await
    .during("list events")?;
    let rows = sqlx::query!(
        "SELECT events.seq, events.json
         FROM json_each($1) AS page
         JOIN events ON events.key = page.value
         ORDER BY page.key",
        wanted.keys
    )
    .fetch_all(&mut *snapshot)
    .await
    .during("list events")?;
    snapshot.commit().await.during("list events")?;
    let items = rows
        .iter()
        .map(|row| rows::event(id, row.seq, &row.json))
        .collect::<Result<Vec<_>, _>>()?;
    let total = Reader::new("events", "").number("key", wanted.total)?;
    Ok(Page::new(items, total, query.page))
}

/// The words of the levels that matter at least as much as `level`, as a JSON array.
fn levels_up_to(level: LogLevel) -> Result<String, StoreError> {
    let words: Vec<&str> = [
        LogLevel::Error,
        LogLevel::Warn,
        LogLevel::Info,
        LogLevel::Debug,
        LogLevel::Trace,
    ]
    .into_iter()
    .filter(|other| *other <= level)
    .map(LogLevel::as_str)
    .collect();
    json_text(&words)
}

/// The key of the session `id`.
pub(crate) async fn key_of(
    connection: &mut SqliteConnection,
    id: SessionId,
) -> Result<i64, StoreError> {
    let text = id.to_string();
    sqlx::query_scalar!("SELECT key FROM sessions WHERE id = $1", text)
        .fetch_optional(connection)
        .await
        .during("find a session")?
        .ok_or_else(|| not_found("session", id))
}
