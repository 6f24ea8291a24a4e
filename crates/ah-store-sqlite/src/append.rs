//! Appending to the logs of sessions.

use ah_rest_api_contract::EventSeq;
use ah_store::{LogPosition, StoreError};
use rusqlite::Connection;

use crate::encode::EventText;
use crate::rows::{log_position, stored};
use crate::statement::execute;

/// Appends `event` as number `seq` of the session with the key `session`, and returns its position
/// in the log of all sessions.
pub(crate) fn append(
    connection: &Connection,
    session: i64,
    seq: EventSeq,
    event: &EventText,
) -> Result<LogPosition, StoreError> {
    let number = stored(seq.get())?;
    let ts = event.ts.as_unix_millis();
    let json = event.numbered(seq);
    execute!(
        connection,
        "append an event",
        "INSERT INTO events (session, seq, ts, type, level, json)
         VALUES ($1, $2, $3, $4, $5, $6)",
        session,
        number,
        ts,
        event.event_type,
        event.level,
        json
    )?;
    log_position(connection.last_insert_rowid())
}
