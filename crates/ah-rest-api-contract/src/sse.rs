//! Server-sent events (WHATWG HTML §9.2): a codec without I/O.
//!
//! [`Frame::encode`] and [`encode_comment`] write the stream; a [`Decoder`] reads it from chunks of
//! any size. [`encode_item`] and [`decode_item`] convert between frames and the items of a
//! session's stream. An event of the log has its `seq` as `id:`, its type as `event:` (`agent_error`
//! for `error`, which browsers use for lost connections) and one JSON object as `data:`. Gaps and ephemeral events have no `id:`, so a reader never resumes from them.
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

/// The comment that a server sends on an idle stream to keep the connection alive. Readers receive
/// it as [`Decoded::Comment`].
pub const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// One event in its wire form.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frame {
    /// The id from which a reader resumes after this frame. `Some("")` clears the last id; `None`
    /// keeps it.
    pub id: Option<String>,
    /// The name of the event; if absent, readers use `message`.
    pub event: Option<String>,
    /// The data. Its line ends are `\n`; other line ends are converted to `\n` by the encoding.
    pub data: String,
    /// The delay before a reader reconnects, in whole milliseconds.
    pub retry: Option<Duration>,
}

/// The error of a frame that cannot be encoded without a change of meaning.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidFrame {
    /// The `id` contains a NUL, which makes readers ignore the field, or a line end.
    #[error("the id of an SSE frame has a NUL or a line end")]
    Id,
    /// The name is empty, which readers treat as absent, or contains a line end.
    #[error("the event name of an SSE frame is empty or has a line end")]
    Event,
    /// The `retry` in milliseconds exceeds 64 bits.
    #[error("the retry time of an SSE frame does not fit into 64-bit milliseconds")]
    Retry,
}

impl Frame {
    /// Creates a frame with only data.
    #[must_use]
    pub fn new(data: impl Into<String>) -> Self {
        Self {
            data: data.into(),
            ..Self::default()
        }
    }

    /// Encodes the frame, including the empty line at its end.
    ///
    /// # Errors
    /// If a field contains characters that its line cannot represent. Data can contain any
    /// characters.
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

/// Encodes a comment, including the empty line at its end. Readers ignore comments. Several lines
/// become several comments.
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
    // A reader removes one space after the colon, so a leading space of the value is preserved.
    out.push_str(": ");
    out.push_str(value);
    out.push('\n');
}

/// Splits a text into lines that end with `\r\n`, `\n` or `\r`. Returns at least one line; an empty
/// last line counts.
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
