//! The body of a stream: frames, and comments while there are none.
//!
//! A stream that ends before its last event is cut, so that its reader can tell: the connection
//! breaks off without the end of the body. A reader that takes a regular end for the end of the
//! session would otherwise miss the rest.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    EncodedItem, EncodedLogStream, EncodedStream, LogCursor, StreamItem, error_chain, sse,
};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::frames::Frames;
use crate::metrics::{GaugeGuard, Metrics};
use crate::problem::ApiError;

/// The time without a frame after which a comment is sent.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// The delay before a reader reconnects, in milliseconds. It is a field of the first frame: some
/// readers drop, and others report, a frame without data.
const RETRY: &str = "retry: 1000\n";

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

type FrameStream = Pin<Box<dyn Stream<Item = Result<Bytes, ApiError>> + Send>>;

struct BodyWriter {
    frames: FrameStream,
    closing: CancellationToken,
    metrics: Metrics,
    quiet_until: Instant,
    ended: bool,
    /// Counts the stream as open.
    _open: GaugeGuard,
}

/// Creates the responses that are streams.
#[derive(Clone)]
pub(crate) struct Streams {
    frames: Arc<Frames>,
    /// Cancelled when the server begins to shut down.
    closing: CancellationToken,
    metrics: Metrics,
}

impl Streams {
    pub(crate) fn new(closing: CancellationToken, metrics: Metrics) -> Self {
        Self {
            frames: Arc::default(),
            closing,
            metrics,
        }
    }

    /// Returns the response that streams the events of one session.
    pub(crate) fn of_session(&self, events: EncodedStream) -> Response {
        let frames = self.frames.clone();
        let frames = events.map(move |item| frame(&frames, item?));
        self.respond(None, frames)
    }

    /// Returns the response that streams the events of many sessions after `after`.
    pub(crate) fn of_all(&self, after: LogCursor, events: EncodedLogStream) -> Response {
        let frames = self.frames.clone();
        let frames = events.map(move |event| {
            event
                .map(|event| frames.of_all(&event))
                .map_err(ApiError::from)
        });
        // A reader that loses its connection before the first event has a cursor to resume from.
        let opening = Bytes::from(format!("id: {after}\n\n"));
        self.respond(Some(opening), frames)
    }

    /// Returns the response with `opening`, if any, followed by `frames` to their end.
    fn respond(
        &self,
        opening: Option<Bytes>,
        frames: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static,
    ) -> Response {
        let writer = BodyWriter {
            frames: Box::pin(frames),
            closing: self.closing.clone(),
            metrics: self.metrics.clone(),
            quiet_until: Instant::now() + KEEP_ALIVE_EVERY,
            ended: false,
            _open: self.metrics.stream(),
        };
        let chunks = stream::unfold(writer, |mut writer| async move {
            let chunk = writer.next().await?;
            Some((chunk, writer))
        });
        let opening = [Some(Bytes::from_static(RETRY.as_bytes())), opening];
        let chunks = stream::iter(opening.into_iter().flatten())
            .map(Ok)
            .chain(chunks);
        let headers = [
            (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
            (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (ACCEL_BUFFERING, HeaderValue::from_static("no")),
        ];
        (headers, Body::from_stream(chunks)).into_response()
    }
}

/// Returns the frame of an item of a session's stream.
fn frame(frames: &Frames, item: EncodedItem) -> Result<Bytes, ApiError> {
    let item = match item {
        EncodedItem::Event(event) => return Ok(frames.of_session(&event)),
        EncodedItem::Ephemeral(event) => StreamItem::Ephemeral(event),
        EncodedItem::Gap(gap) => StreamItem::Gap(gap),
    };
    sse::encode_item(&item)
        .map(Bytes::from)
        .map_err(|error| ApiError::internal("an item has no JSON").caused_by(error))
}

impl BodyWriter {
    /// Returns the next part of the body; an error cuts it.
    async fn next(&mut self) -> Option<io::Result<Bytes>> {
        if self.ended {
            return None;
        }
        let chunk = tokio::select! {
            // A shutdown does not wait until a reader has caught up.
            biased;
            () = self.closing.cancelled() => {
                self.ended = true;
                return Some(Err(io::Error::other("the server is shutting down")));
            }
            frame = self.frames.next() => match frame? {
                Ok(frame) => {
                    self.metrics.frame();
                    frame
                }
                Err(error) => {
                    self.ended = true;
                    tracing::warn!(error = %error_chain(&error), "a stream broke off");
                    return Some(Err(io::Error::other("the stream cannot continue")));
                }
            },
            () = tokio::time::sleep_until(self.quiet_until) => {
                Bytes::from_static(sse::KEEP_ALIVE.as_bytes())
            }
        };
        self.quiet_until = Instant::now() + KEEP_ALIVE_EVERY;
        Some(Ok(chunk))
    }
}
