//! The layers of every request: id, span, metrics, time limit, and the response to a panic.

use std::any::Any;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ah_rest_api_contract::{ErrorKind, Timestamp};
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use tracing::field::Empty;
use ulid::Ulid;

use crate::clock::ServerClock;
use crate::metrics::Metrics;
use crate::problem::{self, ApiError};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_BYTES_MAX: usize = 128;

/// The state of [`observe`].
#[derive(Clone)]
pub(crate) struct Observer {
    pub(crate) ids: Arc<RequestIds>,
    pub(crate) clock: ServerClock,
    pub(crate) metrics: Metrics,
}

/// Generates the ids of requests that have none.
#[derive(Debug)]
pub(crate) struct RequestIds {
    /// A random number that tells servers apart.
    server: u64,
    count: AtomicU64,
}

impl RequestIds {
    /// Creates a source of ids.
    ///
    /// # Errors
    /// If the operating system has no randomness.
    pub(crate) fn new() -> Result<Self, getrandom::Error> {
        Ok(Self {
            server: getrandom::u64()?,
            count: AtomicU64::new(0),
        })
    }

    fn next(&self, now: Timestamp) -> Ulid {
        let count = self.count.fetch_add(1, Ordering::Relaxed);
        let unique = (u128::from(self.server) << 16) | u128::from(count & 0xFFFF);
        Ulid::from_parts(u64::try_from(now.as_unix_millis()).unwrap_or(0), unique)
    }
}

/// Assigns an id and a span to a request, measures it, and completes its problem document.
pub(crate) async fn observe(
    State(observer): State<Observer>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let id = given_id(request.headers())
        .unwrap_or_else(|| observer.ids.next(observer.clock.now()).to_string());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let span = tracing::info_span!(
        "request",
        http.method = %method,
        http.route = route.as_ref().map(MatchedPath::as_str),
        http.status = Empty,
        request.id = %id,
        trace.parent = traceparent(request.headers()),
        duration_ms = Empty,
    );
    let in_flight = observer.metrics.in_flight();
    let response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);
    let mut response = span.in_scope(|| problem::complete(response, &path, &id));
    let took = started.elapsed();
    let status = response.status();
    span.record("http.status", status.as_u16());
    span.record("duration_ms", took.as_secs_f64() * 1000.0);
    span.in_scope(|| tracing::info!("answered"));
    observer
        .metrics
        .answered(&method, route.as_ref(), status, took);
    // The id was read from a header, or consists of letters and digits.
    if let Ok(id) = HeaderValue::try_from(id) {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

/// Returns the id that a client gave its request, if it is valid.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let good = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| id.to_owned())
}

/// Returns the trace that the request belongs to (W3C Trace Context, version 00), if its header is
/// valid.
pub(crate) fn traceparent(headers: &HeaderMap) -> Option<&str> {
    let text = headers.get(TRACEPARENT)?.to_str().ok()?;
    let mut parts = text.split('-');
    let mut next = |length: usize| {
        parts.next().is_some_and(|part| {
            part.len() == length
                && part
                    .bytes()
                    .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
        })
    };
    let good = next(2) && next(32) && next(16) && next(2) && text.len() == 55;
    good.then_some(text)
}

/// Ends the handling of a request after `limit`. Its work is then done as a whole or not at all.
/// The body of a response, and so a stream, has no such limit.
pub(crate) async fn time_out(
    State(limit): State<Duration>,
    request: Request,
    next: Next,
) -> Response {
    match tokio::time::timeout(limit, next.run(request)).await {
        Ok(response) => response,
        Err(_) => ApiError::new(
            ErrorKind::Unavailable,
            format!(
                "the request was not answered within {} ms; look at what it asked for before you \
                 repeat it",
                limit.as_millis()
            ),
        )
        .into_response(),
    }
}

/// The response to a request whose handler panicked. The log has the message.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the layer hands the panic over"
)]
pub(crate) fn panicked(panic: Box<dyn Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message");
    tracing::error!(panic = message, "a request panicked");
    ApiError::new(ErrorKind::Internal, "a bug in the server ended the request").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    #[test]
    fn only_valid_request_ids_are_accepted() {
        let id = |value: &str| given_id(&headers(REQUEST_ID, value));
        assert_eq!(id("abc-1"), Some("abc-1".to_owned()));
        assert_eq!(id(""), None);
        assert_eq!(id("a b"), None);
        assert_eq!(id("ä"), None);
        assert_eq!(id(&"x".repeat(REQUEST_ID_BYTES_MAX + 1)), None);
        assert_eq!(given_id(&HeaderMap::new()), None);
    }

    #[test]
    fn only_valid_trace_contexts_are_accepted() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(traceparent(&headers(TRACEPARENT, good)), Some(good));
        let upper = good.to_uppercase();
        let longer = format!("{good}-1");
        for bad in ["", "00", &good[..54], &upper, &longer, "00-x-y-01"] {
            assert_eq!(traceparent(&headers(TRACEPARENT, bad)), None, "{bad}");
        }
    }
}
