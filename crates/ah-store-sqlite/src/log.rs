//! The log: reading it.

use ah_rest_api_contract::{
    EventQuery, EventSeq, EventType, LogLevel, Page, SessionEvent, SessionId, SortOrder,
};
use ah_store::{EventLog, EventRow, Head, LogPosition, READ_BYTES, StoreError};
use async_trait::async_trait;
use futures::TryStreamExt as _;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::watch;

use crate::direct::Bounds;
use crate::error::{During as _, not_found};
use crate::observe::operation;
use crate::rows::{self, Reader, json_text, stored};
use crate::store::SqliteStore;

#[async_trait]
impl EventLog for SqliteStore {
    async fn events_after(
        &self,
        id: SessionId,
        cursor: EventSeq,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.direct.events_after(id, cursor, limit).await
    }

    async fn all_events_after(
        &self,
        cursor: LogPosition,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        self.direct.all_events_after(cursor, limit).await
    }

    async fn log_begin(&self) -> Result<LogPosition, StoreError> {
        operation("find the beginning of the log", async {
            begin(&mut *self.reader().await?).await
        })
        .await
    }

    async fn log_before(&self, id: SessionId) -> Result<LogPosition, StoreError> {
        operation("find the first event of a session", async {
            before(&mut *self.reader().await?, id).await
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
        if let Some(bounds) = Bounds::of(query) {
            return self.direct.history(id, query, bounds).await;
        }
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

const LIST: &str = "list events";

/// Returns the position of the first event of all sessions.
async fn begin(connection: &mut SqliteConnection) -> Result<LogPosition, StoreError> {
    let begin = sqlx::query_scalar!(r#"SELECT coalesce(min(key), 0) AS "begin!: i64" FROM events"#)
        .fetch_one(connection)
        .await
        .during("find the beginning of the log")?;
    rows::log_position(begin)
}

/// Returns the position before the first event of a session.
async fn before(
    connection: &mut SqliteConnection,
    id: SessionId,
) -> Result<LogPosition, StoreError> {
    let session = key_of(connection, id).await?;
    let first = sqlx::query_scalar!(
        r#"SELECT coalesce(
             (SELECT key - 1 FROM events WHERE session = $1 ORDER BY seq LIMIT 1),
             (SELECT max(key) FROM events),
             0
           ) AS "before!: i64""#,
        session
    )
    .fetch_one(connection)
    .await
    .during("find the first event of a session")?;
    rows::log_position(first)
}

/// Returns the position of the last event of all sessions.
async fn end(connection: &mut SqliteConnection) -> Result<LogPosition, StoreError> {
    let end = sqlx::query_scalar!(r#"SELECT coalesce(max(key), 0) AS "end!: i64" FROM events"#)
        .fetch_one(connection)
        .await
        .during("find the end of the log")?;
    rows::log_position(end)
}

/// Returns a page of a history that is selected by more than its numbers.
async fn list(
    connection: &mut SqliteConnection,
    id: SessionId,
    query: &EventQuery,
) -> Result<Page<SessionEvent>, StoreError> {
    let mut snapshot = connection.begin().await.during(LIST)?;
    let session = key_of(&mut snapshot, id).await?;
    let selection = Selection::of(session, query)?;
    let types = query.filter.types();
    let selected = if types.is_some_and(|types| types.iter().eq([&EventType::Log])) {
        selection.find_log_lines(&mut snapshot).await?
    } else {
        let types = types.map(json_text).transpose()?;
        selection.find(&mut snapshot, types).await?
    };
    let mut items = Vec::new();
    {
        let mut found = sqlx::query!(
            "SELECT events.seq, events.json
         FROM json_each($1) AS page
         JOIN events ON events.key = page.value
         ORDER BY page.key",
            selected.keys
        )
        .fetch(&mut *snapshot);
        let mut bytes = 0;
        while bytes < READ_BYTES
            && let Some(row) = found.try_next().await.during(LIST)?
        {
            bytes += row.json.len();
            items.push(rows::event(id, row.seq, &row.json)?);
        }
    }
    snapshot.commit().await.during(LIST)?;
    let total = Reader::new("events", "").number("key", selected.total)?;
    Ok(Page::new(items, total, query.page))
}

/// The conditions on the events of a page other than their types, as SQLite reads them.
struct Selection {
    session: i64,
    levels: Option<String>,
    failed_tools_only: bool,
    after: Option<i64>,
    before: Option<i64>,
    since: Option<i64>,
    until: Option<i64>,
    newest_first: bool,
    limit: u32,
    offset: i64,
}

/// The number of selected events, and the keys of those on the page as a JSON array.
struct Selected {
    total: i64,
    keys: String,
}

impl Selection {
    fn of(session: i64, query: &EventQuery) -> Result<Self, StoreError> {
        Ok(Self {
            session,
            levels: query.filter.level().map(levels_up_to).transpose()?,
            failed_tools_only: query.filter.wants_failed_tools_only(),
            after: query.after.map(|seq| stored(seq.get())).transpose()?,
            before: query.before.map(|seq| stored(seq.get())).transpose()?,
            since: query.since.map(|moment| moment.as_unix_millis()),
            until: query.until.map(|moment| moment.as_unix_millis()),
            newest_first: query.sort == SortOrder::Desc,
            limit: query.page.per_page(),
            offset: stored(query.page.offset())?,
        })
    }

    /// Finds events of `types`, a JSON array, or of all types.
    async fn find(
        self,
        connection: &mut SqliteConnection,
        types: Option<String>,
    ) -> Result<Selected, StoreError> {
        sqlx::query_as!(
            Selected,
            r#"WITH wanted AS NOT MATERIALIZED (
                 SELECT key, seq FROM events
                 WHERE session = $1
                 AND ($2 IS NULL OR type IN (SELECT value FROM json_each($2)))
                 AND ($3 IS NULL OR level IS NULL OR level IN (SELECT value FROM json_each($3)))
                 AND seq > coalesce($4, 0)
                 AND ($5 IS NULL OR seq < $5)
                 AND ($6 IS NULL OR ts >= $6)
                 AND ($7 IS NULL OR ts < $7)
                 AND (NOT $11 OR type <> 'tool_result' OR json ->> '$.status' = 'failed')
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
            self.session,
            types,
            self.levels,
            self.after,
            self.before,
            self.since,
            self.until,
            self.newest_first,
            self.limit,
            self.offset,
            self.failed_tools_only
        )
        .fetch_one(connection)
        .await
        .during(LIST)
    }

    /// Finds log lines. The literal type lets SQLite use the index of the log lines alone.
    async fn find_log_lines(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<Selected, StoreError> {
        sqlx::query_as!(
            Selected,
            r#"WITH wanted AS NOT MATERIALIZED (
                 SELECT key, seq FROM events
                 WHERE session = $1
                 AND type = 'log'
                 AND ($2 IS NULL OR level IN (SELECT value FROM json_each($2)))
                 AND seq > coalesce($3, 0)
                 AND ($4 IS NULL OR seq < $4)
                 AND ($5 IS NULL OR ts >= $5)
                 AND ($6 IS NULL OR ts < $6)
             )
             SELECT
                 (SELECT count(*) FROM wanted) AS "total!: i64",
                 iif(
                     $7,
                     (SELECT json_group_array(key)
                      FROM (SELECT key FROM wanted ORDER BY seq DESC LIMIT $8 OFFSET $9)),
                     (SELECT json_group_array(key)
                      FROM (SELECT key FROM wanted ORDER BY seq LIMIT $8 OFFSET $9))
                 ) AS "keys!: String""#,
            self.session,
            self.levels,
            self.after,
            self.before,
            self.since,
            self.until,
            self.newest_first,
            self.limit,
            self.offset
        )
        .fetch_one(connection)
        .await
        .during(LIST)
    }
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
