//! The encoding of events, done once by the caller of a write.

use ah_rest_api_contract::{EventPayload, EventSeq, SessionId, Timestamp};
use ah_store::{NewEvent, StoreError};
use serde::Serialize;

use crate::error::During as _;

/// An event in its wire form except for the `seq`, which only the transaction knows. The caller of
/// the write encodes it, so that the writer task only numbers it.
pub(crate) struct EventText {
    pub(crate) ts: Timestamp,
    pub(crate) event_type: &'static str,
    /// The level of a log line.
    pub(crate) level: Option<&'static str>,
    /// The wire form after `{"seq":N,`.
    tail: String,
}

#[derive(Serialize)]
struct Unnumbered<'a> {
    ts: Timestamp,
    #[serde(rename = "sessionId")]
    session_id: SessionId,
    #[serde(flatten)]
    payload: &'a EventPayload,
}

impl EventText {
    pub(crate) fn new(session_id: SessionId, event: &NewEvent) -> Result<Self, StoreError> {
        let mut tail = serde_json::to_string(&Unnumbered {
            ts: event.ts,
            session_id,
            payload: &event.payload,
        })
        .during("encode an event")?;
        // The opening brace. A field follows it, because every event has some.
        tail.remove(0);
        Ok(Self {
            ts: event.ts,
            event_type: event.payload.event_type().as_str(),
            level: match &event.payload {
                EventPayload::Log(log) => Some(log.level.as_str()),
                _ => None,
            },
            tail,
        })
    }

    /// Returns its approximate size in bytes.
    pub(crate) fn size(&self) -> usize {
        self.tail.len()
    }

    /// Returns the wire form with the number `seq`.
    pub(crate) fn numbered(&self, seq: EventSeq) -> String {
        format!("{{\"seq\":{seq},{}", self.tail)
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{Log, LogLevel, SessionEvent, Thought};

    use super::*;

    #[test]
    fn stored_event_equals_the_wire_form() {
        let session_id = "01ARZ3NDEKTSV4RRFFQ69G5FAV".parse().unwrap();
        let payloads = [
            EventPayload::Thought(Thought::new("quotes \" and \u{0} and \u{1F980}")),
            EventPayload::Log(
                Log::new(LogLevel::Warn, String::new()).with_tool_execution_id("t".to_owned()),
            ),
        ];
        for payload in payloads {
            let event = SessionEvent::new(
                EventSeq::new(17),
                Timestamp::from_unix_millis(1_700_000_000_123),
                session_id,
                payload,
            );
            let encoded = EventText::new(
                session_id,
                &NewEvent {
                    ts: event.ts,
                    payload: event.payload.clone(),
                },
            )
            .unwrap();
            assert_eq!(
                encoded.numbered(event.seq),
                serde_json::to_string(&event).unwrap()
            );
        }
    }
}
