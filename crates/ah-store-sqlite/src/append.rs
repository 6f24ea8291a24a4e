//! Appending to the logs of sessions.

use ah_rest_api_contract::EventSeq;
use ah_store::{LogPosition, StoreError};
use sqlx::SqliteConnection;
use sqlx::sqlite::SqliteQueryResult;

use crate::encode::EventText;
use crate::error::During as _;
use crate::rows::{json_text, log_position};

/// Events of any number of sessions, to be appended with one statement.
#[derive(Default)]
pub(crate) struct Batch(Vec<Row>);

/// Session, seq, ts, type, level and JSON, in the order of the JSON array that SQLite reads.
type Row = (i64, u64, i64, &'static str, Option<&'static str>, String);

impl Batch {
    /// Adds `event` as number `seq` of the session with the key `session`.
    pub(crate) fn push(&mut self, session: i64, seq: EventSeq, event: &EventText) {
        self.0.push((
            session,
            seq.get(),
            event.ts.as_unix_millis(),
            event.event_type,
            event.level,
            event.numbered(seq),
        ));
    }

    /// Appends the events with one statement, because every statement costs a thread hop. Returns
    /// the position of the last one.
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

    /// Returns the events as the JSON array that SQLite reads.
    pub(crate) fn rows(&self) -> Result<String, StoreError> {
        json_text(&self.0)
    }

    /// Returns the position of the last event, from the result of the statement that inserted it.
    pub(crate) fn last(&self, done: &SqliteQueryResult) -> Result<Option<LogPosition>, StoreError> {
        if self.0.is_empty() {
            return Ok(None);
        }
        log_position(done.last_insert_rowid()).map(Some)
    }
}
