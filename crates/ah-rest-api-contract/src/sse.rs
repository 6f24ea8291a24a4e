//! Server-sent events (WHATWG HTML §9.2): a codec without I/O.
//!
//! [`Frame::encode`] and [`encode_comment`] write the stream; a [`Decoder`] reads it from chunks
//! of any size. [`encode_item`] and [`decode_item`] are the mapping between frames and what a
//! session's stream yields: an event of the log has its `seq` as `id:`, its type as `event:` and
//! one JSON object as `data:`; a gap and what is ephemeral have no `id:`, so that neither ever
//! becomes the place a reader resumes from.
//!
//! ```
//! use ah_rest_api_contract::sse::{Decoded, Decoder, Frame};
//!
//! let frame = Frame { id: Some("7".to_owned()), ..Frame::new("{}") };
//! let bytes = frame.encode()?;
//!
//! let mut decoder = Decoder::new();
//! decoder.push(bytes.as_bytes())?;
//! assert_eq!(decoder.pop(), Some(Decoded::Frame(frame)));
//! assert_eq!(decoder.last_event_id(), "7");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod decoder;
mod item;

use std::time::Duration;

pub use decoder::{Decoded, Decoder, FRAME_BYTES_MAX, FrameTooLarge};
pub use item::{
    DecodeItemError, EncodeItemError, decode_item, encode_event, encode_event_at, encode_item,
};

/// What a server sends when it has had nothing to say for a while, so that neither side takes the
/// other for dead. Readers are shown it as [`Decoded::Comment`].
pub const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// One event as it stands on the wire.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// Where a reader that has seen this frame resumes. `Some("")` forgets the place that an
    /// earlier frame gave; `None` leaves it as it was.
    pub id: Option<String>,
    /// The name of the event; `message` is meant when it is absent.
    pub event: Option<String>,
    /// What it says. Its lines end in `\n`; other line ends become that on the way.
    pub data: String,
    /// How long a reader should wait before it connects again, in whole milliseconds.
    pub retry: Option<Duration>,
}

/// A frame that cannot be written, because a reader would take it for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidFrame {
    /// The `id` has a NUL, for which readers ignore the field, or a line end.
    #[error("the id of an SSE frame has a NUL or a line end")]
    Id,
    /// The name is empty, which readers take for none, or has a line end.
    #[error("the event name of an SSE frame is empty or has a line end")]
    Event,
    /// The `retry` is longer than 64-bit milliseconds tell.
    #[error("the retry time of an SSE frame does not fit into 64-bit milliseconds")]
    Retry,
}

impl Frame {
    /// A frame that has only data.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            ..Self::default()
        }
    }

    /// The frame as it is sent, its empty line included.
    ///
    /// # Errors
    /// When a field holds what its line cannot carry; data can hold anything.
    pub fn encode(&self) -> Result<String, InvalidFrame> {
        let mut out = String::with_capacity(self.data.len() + 64);
        if let Some(id) = &self.id {
            if id.contains(['\0', '\r', '\n']) {
                return Err(InvalidFrame::Id);
            }
            push_field(&mut out, "id", id);
        }
        if let Some(event) = &self.event {
            if event.is_empty() || event.contains(['\r', '\n']) {
                return Err(InvalidFrame::Event);
            }
            push_field(&mut out, "event", event);
        }
        if let Some(retry) = self.retry {
            let millis = u64::try_from(retry.as_millis()).map_err(|_| InvalidFrame::Retry)?;
            push_field(&mut out, "retry", &millis.to_string());
        }
        push_data(&mut out, &self.data);
        out.push('\n');
        Ok(out)
    }
}

/// A comment as it is sent, its empty line included. Readers pass over it; several lines become
/// several comments.
#[must_use]
pub fn encode_comment(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 4);
    for line in lines(text) {
        push_field(&mut out, "", line);
    }
    out.push('\n');
    out
}

fn push_data(out: &mut String, data: &str) {
    for line in lines(data) {
        push_field(out, "data", line);
    }
}

fn push_field(out: &mut String, name: &str, value: &str) {
    out.push_str(name);
    // A reader drops one space after the colon, so this one keeps a value that begins with a
    // space as it is.
    out.push_str(": ");
    out.push_str(value);
    out.push('\n');
}

/// The lines of a text, ended by `\r\n`, `\n` or `\r`; at least one, and an empty last one counts.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let Some(end) = text.find(['\r', '\n']) else {
            rest = None;
            return Some(text);
        };
        let width = if text[end..].starts_with("\r\n") {
            2
        } else {
            1
        };
        rest = Some(&text[end + width..]);
        Some(&text[..end])
    })
}

#[cfg(test)]
mod tests;
