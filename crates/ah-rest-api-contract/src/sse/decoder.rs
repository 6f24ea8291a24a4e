//! Decoder for server-sent events in chunks of bytes.

use std::collections::VecDeque;
use std::time::Duration;

use super::Frame;

/// The maximum size of one frame on the wire: 8 MiB, field names and line ends included. The
/// largest events of a session (a prompt of 256 KiB, the arguments of a tool) are much smaller,
/// even if JSON escapes every character.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// The error of a frame that exceeds [`FRAME_BYTES_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an SSE frame is larger than the {limit} bytes that a reader takes")]
pub struct FrameTooLarge {
    limit: usize,
}

/// An item that a [`Decoder`] returns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// An event.
    Frame(Frame),
    /// A comment, such as one that keeps the connection alive.
    Comment(String),
}

/// Decodes a stream of server-sent events.
///
/// Pass received bytes to [`Decoder::push`], and take complete items with [`Decoder::pop`]. Chunks
/// may be split anywhere, even inside a character or a line end. A frame is complete when its empty
/// line was received. The standard discards an incomplete frame at the end of a stream, so the
/// decoder can simply be dropped.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    found: VecDeque<Decoded>,
    /// The incomplete current line.
    line: Vec<u8>,
    /// True if the last line ended with `\r`, so that a following `\n` belongs to it.
    after_cr: bool,
    /// True if the first line is complete. Only the first line may start with a byte order mark.
    past_first_line: bool,
    frame: Frame,
    /// True if the frame has data, even if the data is empty.
    has_data: bool,
    /// The number of bytes in the frame's complete lines.
    frame_bytes: usize,
    last_event_id: String,
    retry: Option<Duration>,
    failed: Option<FrameTooLarge>,
}

impl Decoder {
    /// Creates a decoder for the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Decodes the next bytes of the stream.
    ///
    /// # Errors
    /// If a frame or an incomplete line exceeds [`FRAME_BYTES_MAX`]. Earlier complete items can
    /// still be taken with [`Decoder::pop`]. The rest of the stream is lost, and every later call
    /// returns the same error.
    pub fn push(&mut self, chunk: &[u8]) -> Result<(), FrameTooLarge> {
        if let Some(failure) = self.failed {
            return Err(failure);
        }
        let mut rest = chunk;
        while let Some(first) = rest.first() {
            if std::mem::take(&mut self.after_cr) && *first == b'\n' {
                rest = &rest[1..];
                continue;
            }
            let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
            let part = &rest[..end.unwrap_or(rest.len())];
            if self.frame_bytes + self.line.len() + part.len() >= FRAME_BYTES_MAX {
                let failure = FrameTooLarge {
                    limit: FRAME_BYTES_MAX,
                };
                // The buffered text is no longer needed.
                *self = Self {
                    found: std::mem::take(&mut self.found),
                    last_event_id: std::mem::take(&mut self.last_event_id),
                    retry: self.retry,
                    failed: Some(failure),
                    ..Self::default()
                };
                return Err(failure);
            }
            self.line.extend_from_slice(part);
            let Some(end) = end else { break };
            self.after_cr = rest[end] == b'\r';
            rest = &rest[end + 1..];
            self.end_line();
        }
        Ok(())
    }

    /// Takes the next item; `None` if more bytes are needed.
    pub fn pop(&mut self) -> Option<Decoded> {
        self.found.pop_front()
    }

    /// Returns the `Last-Event-ID` to resume the stream: the `id:` of the last frame that had one.
    /// Empty if there was none.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// Returns the last requested delay before a reader reconnects.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Returns true if a frame or a comment is incomplete.
    #[must_use]
    pub fn is_within_frame(&self) -> bool {
        self.frame_bytes > 0 || !self.line.is_empty()
    }

    fn end_line(&mut self) {
        let bytes = std::mem::take(&mut self.line);
        let mut line = bytes.as_slice();
        if !std::mem::replace(&mut self.past_first_line, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            self.end_frame();
            return;
        }
        // Line ends never occur inside a UTF-8 character, so each line can be decoded separately.
        let line = String::from_utf8_lossy(line);
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        if name.is_empty() && line.starts_with(':') {
            self.found.push_back(Decoded::Comment(value.to_owned()));
            return;
        }
        self.frame_bytes += bytes.len() + 1;
        self.field(name, value);
    }

    fn field(&mut self, name: &str, value: &str) {
        match name {
            "data" => {
                if self.has_data {
                    self.frame.data.push('\n');
                }
                self.has_data = true;
                self.frame.data.push_str(value);
            }
            "event" => self.frame.event = (!value.is_empty()).then(|| value.to_owned()),
            "id" if !value.contains('\0') => self.frame.id = Some(value.to_owned()),
            "retry" if value.bytes().all(|byte| byte.is_ascii_digit()) => {
                // An empty value, or one that exceeds 64 bits, is ignored.
                if let Ok(millis) = value.parse() {
                    self.frame.retry = Some(Duration::from_millis(millis));
                    self.retry = self.frame.retry;
                }
            }
            // The standard requires readers to ignore unknown fields.
            _ => {}
        }
    }

    fn end_frame(&mut self) {
        let frame = std::mem::take(&mut self.frame);
        self.frame_bytes = 0;
        if let Some(id) = &frame.id {
            self.last_event_id.clone_from(id);
        }
        // A frame without data is no event, but its id counts.
        if std::mem::take(&mut self.has_data) {
            self.found.push_back(Decoded::Frame(frame));
        }
    }
}
