//! Transmission of an answer in frames: slow, stalled or cut off if the script demands it.

use std::io;
use std::time::Duration;

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures::stream;
use serde_json::Value;

use crate::endpoint::Ids;
use crate::operation::ScriptedCall;
use crate::record::{RecordGuard, ResponseEnd};
use crate::script::{Fault, Usage};

/// The time that a stalled answer stays open, longer than the timeout of any tested agent.
const STALL: Duration = Duration::from_secs(120);

/// The number of frames of a stalled answer.
const FRAMES_BEFORE_STALL: usize = 3;

/// An answer of the model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Completion {
    pub(crate) model: String,
    pub(crate) think: String,
    pub(crate) text: String,
    pub(crate) calls: Vec<ScriptedCall>,
    /// The id of every call; by default each has its own.
    pub(crate) call_id: Option<String>,
    pub(crate) usage: Usage,
    /// The delay before each piece of the text.
    pub(crate) delay: Duration,
    pub(crate) fault: Option<Fault>,
}

impl Completion {
    /// Returns the id of the next call.
    pub(crate) fn next_call_id(&self, ids: &Ids, prefix: &str) -> String {
        self.call_id.clone().unwrap_or_else(|| ids.next(prefix))
    }

    /// Splits the text at ends of words, into single words if each has a delay.
    pub(crate) fn pieces(&self) -> Vec<String> {
        let words: Vec<&str> = self.text.split_inclusive(char::is_whitespace).collect();
        let length = if self.delay.is_zero() { 3 } else { 1 };
        words.chunks(length).map(<[&str]>::concat).collect()
    }
}

/// A piece of a stream.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    bytes: Bytes,
    /// True for a piece of the text: delays and cuts apply to these.
    is_text: bool,
}

impl Frame {
    /// Creates a server-sent event.
    pub(crate) fn event(name: Option<&str>, data: &Value) -> Self {
        let name = name.map_or_else(String::new, |name| format!("event: {name}\n"));
        Self::raw(format!("{name}data: {data}\n\n"))
    }

    /// Creates a frame of plain bytes.
    pub(crate) fn raw(bytes: impl Into<Bytes>) -> Self {
        Self {
            bytes: bytes.into(),
            is_text: false,
        }
    }

    /// Marks the frame as a piece of the text.
    pub(crate) fn of_text(self) -> Self {
        Self {
            is_text: true,
            ..self
        }
    }
}

/// The next part of an answer.
enum Piece {
    Frame(Frame),
    Stall,
    /// The connection breaks.
    Break,
}

/// Sends the answer frame by frame.
pub(crate) fn response(
    frames: Vec<Frame>,
    answer: &Completion,
    content_type: &'static str,
    guard: RecordGuard,
) -> Response {
    let delay = answer.delay;
    let pieces = pieces(frames, answer.fault).into_iter();
    let ending = match answer.fault {
        Some(_) => ResponseEnd::Broken,
        None => ResponseEnd::Whole,
    };
    let body = stream::unfold((pieces, guard), move |(mut pieces, guard)| async move {
        let sent = match pieces.next() {
            Some(Piece::Frame(frame)) => {
                if frame.is_text && !delay.is_zero() {
                    tokio::time::sleep(delay).await;
                }
                guard.change(|record| record.frames += 1);
                Ok(frame.bytes)
            }
            Some(Piece::Stall) => {
                tokio::time::sleep(STALL).await;
                Ok(Bytes::new())
            }
            Some(Piece::Break) => {
                // Earlier frames are flushed only while the body is pending.
                tokio::task::yield_now().await;
                guard.end(ending);
                Err(io::Error::from(io::ErrorKind::ConnectionReset))
            }
            None => {
                guard.end(ending);
                return None;
            }
        };
        Some((sent, (pieces, guard)))
    });
    let headers = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, "no-cache"),
    ];
    (headers, Body::from_stream(body)).into_response()
}

fn pieces(mut frames: Vec<Frame>, fault: Option<Fault>) -> Vec<Piece> {
    let text_ends = frames
        .iter()
        .rposition(|frame| frame.is_text)
        .map_or(0, |last| last + 1);
    let last = match fault {
        Some(Fault::Cut) => {
            frames.truncate(text_ends);
            Some(Piece::Break)
        }
        Some(Fault::Truncated) => {
            frames.truncate(text_ends);
            None
        }
        Some(Fault::Stall) => {
            frames.truncate(FRAMES_BEFORE_STALL);
            Some(Piece::Stall)
        }
        _ => None,
    };
    frames.into_iter().map(Piece::Frame).chain(last).collect()
}

/// Splits a plain answer in two, for a cut between them.
pub(crate) fn halves(whole: &Value) -> Vec<Frame> {
    let mut first = whole.to_string().into_bytes();
    let second = first.split_off(first.len() / 2);
    vec![Frame::raw(first).of_text(), Frame::raw(second)]
}
