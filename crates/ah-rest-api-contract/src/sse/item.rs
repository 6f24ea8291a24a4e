//! Conversion between frames and the items of a session's stream.

use serde::{Deserialize, Serialize};

use super::{Frame, push_data, push_field};
use crate::{EphemeralEvent, EventSeq, EventType, Gap, LogCursor, SessionEvent, StreamItem};

/// The name of the frame that carries a [`Gap`].
const GAP: &str = "gap";
/// The name of the frames of `error` events. Browsers report the loss of a connection as an event
/// named `error`, so a frame of this name would be mistaken for one.
const AGENT_ERROR: &str = "agent_error";

/// The error of an item that cannot be serialized as JSON.
#[derive(Debug, thiserror::Error)]
#[error("the event has no JSON form")]
pub struct EncodeItemError(#[from] serde_json::Error);

/// The error of a frame that is not an item of a session's stream.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeItemError {
    /// The name is unknown to this version, and the data is not an event of a log. Readers ignore
    /// the frame.
    #[error("`{0}` is not an event of a session's stream")]
    UnknownEvent(String),
    /// The data is not the JSON that the name requires.
    #[error("the data of a `{event}` frame is not that event")]
    Json {
        /// The name of the frame.
        event: String,
        /// The error in the data.
        #[source]
        source: serde_json::Error,
    },
    /// The data belongs to a different event than the name or id indicates.
    #[error("a `{event}` frame with the id {id:?} carries a `{payload}` event with the seq {seq}")]
    Mismatch {
        /// The name of the frame.
        event: String,
        /// The id of the frame.
        id: Option<String>,
        /// The type of the event.
        payload: String,
        /// The sequence number of the event.
        seq: EventSeq,
    },
}

/// A gap with its name; other payloads contain their name.
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

/// Encodes an event of the log from its JSON. A server that stores events as JSON can send them
/// without parsing.
#[must_use]
pub fn encode_event(seq: EventSeq, event_type: EventType, json: &str) -> String {
    encode_identified(&seq.to_string(), event_type.as_str(), json)
}

/// Encodes an event for a stream of many sessions. The `id:` is the cursor among the events of all
/// sessions; the rest is as in [`encode_event`].
#[must_use]
pub fn encode_event_at(cursor: LogCursor, event_type: EventType, json: &str) -> String {
    encode_identified(&cursor.to_string(), event_type.as_str(), json)
}

fn encode_identified(id: &str, event_type: &str, json: &str) -> String {
    let mut out = String::with_capacity(json.len() + 64);
    push_field(&mut out, "id", id);
    push_field(&mut out, "event", frame_name(event_type));
    push_data(&mut out, json);
    out.push('\n');
    out
}

/// Returns the name of the frames of an event type: the type itself, except for `error`.
fn frame_name(event_type: &str) -> &str {
    if event_type == "error" {
        return AGENT_ERROR;
    }
    event_type
}

/// Encodes an item as a frame.
///
/// # Errors
/// If the item cannot be serialized as JSON, which is not known to happen for the types of this
/// crate.
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

/// Decodes the item of a frame.
///
/// # Errors
/// [`DecodeItemError::UnknownEvent`] for a frame to ignore. The other errors indicate an invalid
/// stream.
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
        // A frame of a newer server that is not an event of a log.
        Err(_) if EventType::from_word(name).is_none() && name != AGENT_ERROR => {
            return Err(DecodeItemError::UnknownEvent(name.to_owned()));
        }
        Err(error) => return Err(malformed(error)),
    };
    let payload = event.payload.type_name();
    let id = frame.id.as_deref().map(str::parse::<EventSeq>);
    if frame_name(payload) != name || id != Some(Ok(event.seq)) {
        return Err(DecodeItemError::Mismatch {
            event: name.to_owned(),
            id: frame.id.clone(),
            payload: payload.to_owned(),
            seq: event.seq,
        });
    }
    Ok(StreamItem::Event(event))
}
