//! The tracing span of a request.
//!
//! It contains the route instead of the path, so that requests can be grouped by it, and no header,
//! query or body.

use std::time::Duration;

use reqwest::Response;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::answer;
use crate::call::ApiCall;

/// The span of a request with all its attempts. It ends, with its duration, when the request is
/// answered, fails or is dropped.
pub(crate) struct RequestSpan {
    span: Span,
    begun: Instant,
}

impl RequestSpan {
    /// Creates the span of a request.
    pub(crate) fn begin(call: &ApiCall) -> Self {
        let span = tracing::debug_span!(
            "request",
            method = call.method().as_str(),
            route = call.operation().path,
            attempts = Empty,
            status = Empty,
            request_id = Empty,
            duration_ms = Empty,
        );
        Self {
            span,
            begun: Instant::now(),
        }
    }

    /// Returns the start time of the request.
    pub(crate) const fn begun(&self) -> Instant {
        self.begun
    }

    /// Runs `work` inside the span.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = T>) -> T {
        work.instrument(self.span.clone()).await
    }

    /// Records the number of the attempt, from 1.
    pub(crate) fn attempt(&self, number: u32) {
        self.span.record("attempts", number);
    }

    /// Records the head of a response and the time it took.
    pub(crate) fn answered(&self, response: &Response, took: Duration) {
        let status = response.status().as_u16();
        let request_id = answer::request_id(response.headers());
        self.span.record("status", status);
        self.span.record("request_id", request_id);
        tracing::debug!(
            status,
            request_id,
            duration_ms = millis(took),
            "received a response"
        );
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        self.span
            .record("duration_ms", millis(self.begun.elapsed()));
    }
}

/// Returns a duration in milliseconds, as in logs.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
