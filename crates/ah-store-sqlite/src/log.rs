//! The log: reading it.

use ah_rest_api_contract::{
    EventQuery, EventSeq, LogLevel, Page, SessionEvent, SessionId, SortOrder,
};
use ah_store::{EventLog, EventRow, Head, LogPosition, READ_BYTES, StoreError};
use async_trait::async_trait;
use futures::{Stream, TryStreamExt as _};
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::watch;

use crate::error::{During as _, not_found};
use crate::observe::operation;
use crate::rows::{self, Reader, StoredEventRow, json_text, stored};
use crate::store::SqliteStore;

#[async_trait]
impl EventLog for SqliteStore {
    async fn events_after(
        &self,
        id: SessionId,
        cursor: EventSeq,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        operation("read events", async {
            after(&mut *self.reader().await?, id, cursor, limit).await
        })
        .await
    }

    async fn all_events_after(
        &self,
        cursor: LogPosition,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        operation("read the events of all sessions", async {
            all_after(&mut *self.reader().await?, cursor, limit).await
        })
        .await
    }

    async fn log_begin(&self) -> Result<LogPosition, StoreError> {
        operation("find the beginning of the log", async {
            begin(&mut *self.reader().await?).await
        })
        .await
    }

    async fn log_end(&self) -> Result<LogPosition, StoreError> {
        operation("find the end of the log", async {
            end(&mut *self.reader().await?).await
        })
        .await
    }

    async fn list_events(
        &self,
        id: SessionId,
        query: &EventQuery,
    ) -> Result<Page<SessionEvent>, StoreError> {
        operation("list events", async {
            list(&mut *self.reader().await?, id, query).await
        })
        .await
    }

    fn watch_session(&self, id: SessionId) -> watch::Receiver<Head> {
        self.watchers.session(id)
    }

    fn watch_log(&self) -> watch::Receiver<LogPosition> {
        self.watchers.log()
    }
}

/// The most events of one read, regardless of the limit that is asked for.
const READ_MAX: u32 = 1000;

async fn after(
    connection: &mut SqliteConnection,
    id: SessionId,
    after: EventSeq,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let id_text = id.to_string();
    let after = stored(after.get())?;
    let limit = limit.clamp(1, READ_MAX);
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
    .fetch(&mut *connection);
    let rows = up_to_bytes(rows, |row| row.json.len())
        .await
        .during("read events")?;
    if rows.is_empty() {
        // Only a reader at the end pays for telling an empty read from a missing session.
        key_of(connection, id).await?;
    }
    rows.into_iter().map(|row| row.into_event_row(id)).collect()
}

/// Collects rows until they have [`READ_BYTES`] together.
async fn up_to_bytes<R>(
    mut rows: impl Stream<Item = Result<R, sqlx::Error>> + Unpin,
    size: impl Fn(&R) -> usize,
) -> Result<Vec<R>, sqlx::Error> {
    let (mut read, mut bytes) = (Vec::new(), 0);
    while bytes < READ_BYTES
        && let Some(row) = rows.try_next().await?
    {
        bytes += size(&row);
        read.push(row);
    }
    Ok(read)
}

/// Returns events of all sessions. Keys are assigned under the write lock, which is held until the
/// commit. Therefore they grow in commit order, and none appears below a key that was read.
async fn all_after(
    connection: &mut SqliteConnection,
    after: LogPosition,
    limit: u32,
) -> Result<Vec<EventRow>, StoreError> {
    let after = stored(after.0)?;
    let limit = limit.clamp(1, READ_MAX);
    // The cross join keeps the order of the log, so no sort is needed.
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
    .fetch(connection);
    let rows = up_to_bytes(rows, |row| row.json.len())
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

/// Returns the position of the first event of all sessions.
async fn begin(connection: &mut SqliteConnection) -> Result<LogPosition, StoreError> {
    let begin = sqlx::query_scalar!(r#"SELECT coalesce(min(key), 0) AS "begin!: i64" FROM events"#)
        .fetch_one(connection)
        .await
        .during("find the beginning of the log")?;
    rows::log_position(begin)
}

/// Returns the position of the last event of all sessions.
async fn end(connection: &mut SqliteConnection) -> Result<LogPosition, StoreError> {
    let end = sqlx::query_scalar!(r#"SELECT coalesce(max(key), 0) AS "end!: i64" FROM events"#)
        .fetch_one(connection)
        .await
        .during("find the end of the log")?;
    rows::log_position(end)
}

async fn list(
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

/// Returns the levels at least as severe as `level`, as a JSON array.
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

/// Returns the key of the session `id`.
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
