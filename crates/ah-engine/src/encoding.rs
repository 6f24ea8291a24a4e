//! The encoded form of events, in which they are stored and sent.

use ah_rest_api_contract::{
    AllEventsStream, EncodedEvent, EncodedItem, EncodedLogStream, EncodedStream, EventStream,
    LogCursor, SessionEvent, StreamItem, TaskManagerError,
};
use ah_store::EventRow;
use futures::StreamExt;

use crate::error::inconsistent;

/// Converts a row of the store to an encoded event.
pub(crate) fn encoded(row: EventRow) -> EncodedEvent {
    EncodedEvent {
        session_id: row.session,
        seq: row.seq,
        cursor: LogCursor::new(row.position.0),
        event_type: row.event_type,
        level: row.level,
        json: row.json,
    }
}

/// Decodes an event.
pub(crate) fn parse(row: &EncodedEvent) -> Result<SessionEvent, TaskManagerError> {
    row.decode().map_err(|error| {
        inconsistent(
            &format!("event {} of session {}", row.seq, row.session_id),
            error,
        )
    })
}

/// Decodes the events of a stream.
pub(crate) fn decoded(encoded: EncodedStream) -> EventStream {
    Box::pin(encoded.map(|item| {
        Ok(match item? {
            EncodedItem::Event(row) => StreamItem::Event(parse(&row)?),
            EncodedItem::Ephemeral(event) => StreamItem::Ephemeral(event),
            EncodedItem::Gap(gap) => StreamItem::Gap(gap),
        })
    }))
}

/// Decodes the events of a stream of many sessions and adds their cursors.
pub(crate) fn all_decoded(encoded: EncodedLogStream) -> AllEventsStream {
    Box::pin(encoded.map(|event| {
        let event = event?;
        Ok((event.cursor, parse(&event)?))
    }))
}
