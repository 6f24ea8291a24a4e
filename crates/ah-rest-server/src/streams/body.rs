//! The body of a stream: frames as they come, a comment when there are none for a while, and a
//! polite end.

use std::convert::Infallible;
use std::pin::Pin;
use std::time::Duration;

use ah_rest_api_contract::{error_chain, sse};
use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderName, HeaderValue};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use futures::{Stream, StreamExt as _, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::metrics::{Metrics, OneMore};
use crate::problem::ApiError;

/// After how long without a frame a comment is sent.
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(15);
/// How long a reader is told to wait before it connects again, in milliseconds.
const RETRY: &str = "retry: 1000\n\n";
/// What a reader is told when the server shuts down, before the stream ends.
const CLOSING: &str = ": the server is shutting down; resume after it is back\n\n";
/// What a reader is told when the stream cannot go on. Why is in the server's log.
const BROKEN: &str = ": the stream cannot go on; resume where you are\n\n";

const ACCEL_BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

type FrameStream = Pin<Box<dyn Stream<Item = Result<Bytes, ApiError>> + Send>>;

struct Writer {
    frames: FrameStream,
    closing: CancellationToken,
    metrics: Metrics,
    quiet_until: Instant,
    ended: bool,
    /// Counts the stream as open.
    _open: OneMore,
}

/// The response that carries `frames` to their end. `opening` goes before them.
pub(crate) fn respond(
    app: &App,
    opening: Option<Bytes>,
    frames: impl Stream<Item = Result<Bytes, ApiError>> + Send + 'static,
) -> Response {
    let writer = Writer {
        frames: Box::pin(frames),
        closing: app.closing().clone(),
        metrics: app.metrics().clone(),
        quiet_until: Instant::now() + KEEP_ALIVE_EVERY,
        ended: false,
        _open: app.metrics().stream(),
    };
    let chunks = stream::unfold(writer, |mut writer| async move {
        let chunk = writer.next().await?;
        Some((chunk, writer))
    });
    let opening = [Some(Bytes::from_static(RETRY.as_bytes())), opening];
    let chunks = stream::iter(opening.into_iter().flatten())
        .chain(chunks)
        .map(Ok::<_, Infallible>);
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (ACCEL_BUFFERING, HeaderValue::from_static("no")),
    ];
    (headers, Body::from_stream(chunks)).into_response()
}

impl Writer {
    async fn next(&mut self) -> Option<Bytes> {
        if self.ended {
            return None;
        }
        let chunk = tokio::select! {
            // A server that shuts down does not wait until a reader has caught up.
            biased;
            () = self.closing.cancelled() => {
                self.ended = true;
                Bytes::from_static(CLOSING.as_bytes())
            }
            frame = self.frames.next() => match frame? {
                Ok(frame) => {
                    self.metrics.frame();
                    frame
                }
                Err(error) => {
                    self.ended = true;
                    tracing::warn!(error = %error_chain(&error), "a stream broke off");
                    Bytes::from_static(BROKEN.as_bytes())
                }
            },
            () = tokio::time::sleep_until(self.quiet_until) => {
                Bytes::from_static(sse::KEEP_ALIVE.as_bytes())
            }
        };
        self.quiet_until = Instant::now() + KEEP_ALIVE_EVERY;
        Some(chunk)
    }
}
