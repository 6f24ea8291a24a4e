//! The mapping between frames and what a session's stream yields.

use serde::{Deserialize, Serialize};

use super::{Frame, push_data, push_field};
use crate::{EphemeralEvent, EventSeq, EventType, Gap, LogCursor, SessionEvent, StreamItem};

/// The name of the frame that carries a [`Gap`].
const GAP: &str = "gap";

/// An item that has no JSON.
#[derive(Debug, thiserror::Error)]
#[error("the event has no JSON form")]
pub struct EncodeItemError(#[from] serde_json::Error);

/// A frame that is no item of a session's stream.
#[derive(Debug, thiserror::Error)]
pub enum DecodeItemError {
    /// Its name is unknown to this version, and its data is not an event of a log. A reader passes
    /// over it.
    #[error("`{0}` is not an event of a session's stream")]
    UnknownEvent(String),
    /// Its data is not the JSON that its name promises.
    #[error("the data of a `{event}` frame is not that event")]
    Json {
        /// The name.
        event: String,
        /// What is wrong with the data.
        #[source]
        source: serde_json::Error,
    },
    /// Its data belongs to another event than its name or id says.
    #[error("a `{event}` frame with the id {id:?} carries a `{payload}` event with the seq {seq}")]
    Mismatch {
        /// The frame's name.
        event: String,
        /// The frame's id.
        id: Option<String>,
        /// The event's type.
        payload: String,
        /// The event's place.
        seq: EventSeq,
    },
}

/// A gap with its name, which the other payloads carry themselves.
#[derive(Serialize, Deserialize)]
struct NamedGap {
    #[serde(rename = "type")]
    name: GapName,
    #[serde(flatten)]
    gap: Gap,
}

#[derive(Serialize, Deserialize)]
enum GapName {
    #[serde(rename = "gap")]
    Gap,
}

/// The frame of one event of the log, from its JSON: what a server that holds events as JSON
/// sends without reading them.
#[must_use]
pub fn encode_event(seq: EventSeq, event_type: EventType, json: &str) -> String {
    encode_identified(&seq.to_string(), event_type.as_str(), json)
}

/// The frame of one event in a stream of many sessions: as [`encode_event`] makes it, but with
/// the place among the events of all sessions as its `id:`.
#[must_use]
pub fn encode_event_at(cursor: LogCursor, event_type: EventType, json: &str) -> String {
    encode_identified(&cursor.to_string(), event_type.as_str(), json)
}

fn encode_identified(id: &str, event_type: &str, json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 64);
    push_field(&mut out, "id", id);
    push_field(&mut out, "event", event_type);
    push_data(&mut out, json);
    out.push('\n');
    out
}

/// The frame of an item.
///
/// # Errors
/// When the item has no JSON, which no item made of this crate's types is known to lack.
pub fn encode_item(item: &StreamItem) -> Result<String, EncodeItemError> {
    let (event, json) = match item {
        StreamItem::Event(event) => {
            let json = serde_json::to_string(event)?;
            let name = event.payload.type_name();
            return Ok(encode_identified(&event.seq.to_string(), name, &json));
        }
        StreamItem::Ephemeral(event) => (event.name(), serde_json::to_string(event)?),
        StreamItem::Gap(gap) => {
            let named = NamedGap {
                name: GapName::Gap,
                gap: *gap,
            };
            (GAP, serde_json::to_string(&named)?)
        }
    };
    let mut out = String::with_capacity(json.len() + 64);
    push_field(&mut out, "event", event);
    push_data(&mut out, &json);
    out.push('\n');
    Ok(out)
}

/// The item that a frame carries.
///
/// # Errors
/// [`DecodeItemError::UnknownEvent`] for a frame to pass over; the others mean that the stream is
/// not what it says.
pub fn decode_item(frame: &Frame) -> Result<StreamItem, DecodeItemError> {
    let name = frame.event.as_deref().unwrap_or("message");
    let malformed = |source| DecodeItemError::Json {
        event: name.to_owned(),
        source,
    };
    if name == GAP {
        let named: NamedGap = serde_json::from_str(&frame.data).map_err(malformed)?;
        return Ok(StreamItem::Gap(named.gap));
    }
    if EphemeralEvent::NAMES.contains(&name) {
        let event = serde_json::from_str(&frame.data).map_err(malformed)?;
        return Ok(StreamItem::Ephemeral(event));
    }
    let event: SessionEvent = match serde_json::from_str(&frame.data) {
        Ok(event) => event,
        // Something of a newer server that is not an event of a log.
        Err(_) if EventType::from_word(name).is_none() => {
            return Err(DecodeItemError::UnknownEvent(name.to_owned()));
        }
        Err(error) => return Err(malformed(error)),
    };
    let payload = event.payload.type_name();
    let id = frame.id.as_deref().map(str::parse::<EventSeq>);
    if payload != name || id != Some(Ok(event.seq)) {
        return Err(DecodeItemError::Mismatch {
            event: name.to_owned(),
            id: frame.id.clone(),
            payload: payload.to_owned(),
            seq: event.seq,
        });
    }
    Ok(StreamItem::Event(event))
}
