//! What holds for every request: its id, its span, its measurements, its time limit, and that a
//! panic is an answer and not a lost connection.

use std::any::Any;
use std::time::{Duration, Instant};

use ah_rest_api_contract::ErrorKind;
use axum::extract::{MatchedPath, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{CACHE_CONTROL, HeaderName, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use tracing::Instrument as _;
use tracing::field::Empty;

use crate::app::App;
use crate::problem::{self, ApiError};

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const REQUEST_ID_BYTES_MAX: usize = 128;
/// How requests that are for no route are counted.
const NO_ROUTE: &str = "none";

/// The outermost layer: names the request, looks on while it is answered, and completes what a
/// problem says.
pub(crate) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = given_id(request.headers()).unwrap_or_else(|| app.new_id());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or(NO_ROUTE, MatchedPath::as_str)
        .to_owned();
    let span = tracing::info_span!(
        "request",
        http.method = %method,
        http.route = %route,
        http.status = Empty,
        request.id = %id,
        trace.parent = traceparent(request.headers()),
        duration_ms = Empty,
    );
    let in_flight = app.metrics().in_flight();
    let response = next.run(request).instrument(span.clone()).await;
    drop(in_flight);
    let mut response = span.in_scope(|| problem::complete(response, &path, &id));
    let took = started.elapsed();
    let status = response.status().as_u16();
    span.record("http.status", status);
    span.record("duration_ms", took.as_secs_f64() * 1000.0);
    span.in_scope(|| tracing::info!("answered"));
    app.metrics()
        .answered(method.as_str(), &route, status, took);
    let headers = response.headers_mut();
    // It was read from a header, or made of letters and digits.
    if let Ok(id) = HeaderValue::try_from(id) {
        headers.insert(REQUEST_ID, id);
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("no-store"));
    response
}

/// The id that a client gave its request, if it can be one.
fn given_id(headers: &HeaderMap) -> Option<String> {
    let id = headers.get(REQUEST_ID)?.to_str().ok()?;
    let good = (1..=REQUEST_ID_BYTES_MAX).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_graphic());
    good.then(|| id.to_owned())
}

/// The trace that a client's request belongs to (W3C Trace Context, version 00), if it says so.
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

/// Gives up on a request that takes too long to be answered. What it asked for was then done whole
/// or not at all. The body of an answer, and so a stream, has no such limit.
pub(crate) async fn time_out(State(app): State<App>, request: Request, next: Next) -> Response {
    let limit = Duration::from_millis(app.config().server.request_timeout_ms);
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

/// What a client is told when its request ran into a defect. What it was is in the log.
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
    ApiError::new(
        ErrorKind::Internal,
        "the request ran into a defect of the server",
    )
    .into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(name: HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_bytes(value.as_bytes()).unwrap())])
    }

    #[test]
    fn only_an_id_that_can_be_one_is_taken() {
        let id = |value: &str| given_id(&headers(REQUEST_ID, value));
        assert_eq!(id("abc-1"), Some("abc-1".to_owned()));
        assert_eq!(id(""), None);
        assert_eq!(id("a b"), None);
        assert_eq!(id("ä"), None);
        assert_eq!(id(&"x".repeat(REQUEST_ID_BYTES_MAX + 1)), None);
        assert_eq!(given_id(&HeaderMap::new()), None);
    }

    #[test]
    fn only_a_trace_that_is_one_is_taken() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(traceparent(&headers(TRACEPARENT, good)), Some(good));
        let upper = good.to_uppercase();
        let longer = format!("{good}-1");
        for bad in ["", "00", &good[..54], &upper, &longer, "00-x-y-01"] {
            assert_eq!(traceparent(&headers(TRACEPARENT, bad)), None, "{bad}");
        }
    }
}
