//! Reading a stream of server-sent events from chunks of bytes.

use std::collections::VecDeque;
use std::time::Duration;

use super::Frame;

/// The most bytes that one frame may take on the wire: 8 MiB, field names and line ends included.
/// A session's largest events (a prompt of 256 KiB, a tool's arguments) stay well below it even
/// when JSON escapes every character.
pub const FRAME_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A frame that a [`Decoder`] refused to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an SSE frame is larger than the {limit} bytes that a reader takes")]
pub struct FrameTooLarge {
    limit: usize,
}

/// What a [`Decoder`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// An event.
    Frame(Frame),
    /// A line for people, or to keep the connection alive.
    Comment(String),
}

/// Reads a stream of server-sent events.
///
/// Give it bytes as they come with [`Decoder::push`] and take what they held with
/// [`Decoder::pop`]. Chunks may be cut anywhere, inside a character or a line end too. A frame is
/// found once its empty line has come; a stream that ends in the middle of one never held it, as
/// the standard says, so the decoder is simply dropped.
#[derive(Clone, Debug, Default)]
pub struct Decoder {
    found: VecDeque<Decoded>,
    /// The line that has begun, without its end.
    line: Vec<u8>,
    /// Whether the last line was ended by `\r`, so that a `\n` now belongs to that end.
    after_cr: bool,
    /// Whether the first line of the stream has ended, which a byte order mark may begin.
    past_first_line: bool,
    frame: Frame,
    /// Whether the frame has data, be it empty.
    has_data: bool,
    /// How many bytes the frame's complete lines had.
    frame_bytes: usize,
    last_event_id: String,
    retry: Option<Duration>,
    failed: Option<FrameTooLarge>,
}

impl Decoder {
    /// A decoder at the start of a stream.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads the next bytes of the stream.
    ///
    /// # Errors
    /// When a frame, or a line on its way to becoming one, is over [`FRAME_BYTES_MAX`]. What came
    /// whole before it can still be taken with [`Decoder::pop`]; the rest of the stream is lost,
    /// and every later call says the same.
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
                // The text that was held is of no more use.
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

    /// Takes the next thing that was found; `None` when more bytes are needed.
    pub fn pop(&mut self) -> Option<Decoded> {
        self.found.pop_front()
    }

    /// Where the stream is to be resumed, as `Last-Event-ID`: what the last frame with an `id:`
    /// gave. Empty when none did.
    #[must_use]
    pub fn last_event_id(&self) -> &str {
        &self.last_event_id
    }

    /// How long the server last asked readers to wait before they connect again.
    #[must_use]
    pub const fn retry(&self) -> Option<Duration> {
        self.retry
    }

    /// Whether a frame or a comment has begun whose end has not come.
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
        // A line end never stands inside of a character, so a whole line can be read by itself.
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
                // Nothing, or more milliseconds than 64 bits hold, asks for no time at all.
                if let Ok(millis) = value.parse() {
                    self.frame.retry = Some(Duration::from_millis(millis));
                    self.retry = self.frame.retry;
                }
            }
            // The standard has readers pass over fields that they do not know.
            _ => {}
        }
    }

    fn end_frame(&mut self) {
        let frame = std::mem::take(&mut self.frame);
        self.frame_bytes = 0;
        if let Some(id) = &frame.id {
            self.last_event_id.clone_from(id);
        }
        // Without data there is no event, but the place to resume from counts all the same.
        if std::mem::take(&mut self.has_data) {
            self.found.push_back(Decoded::Frame(frame));
        }
    }
}
