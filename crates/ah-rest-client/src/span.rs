//! The span of a request: what a program that collects traces is told of it.
//!
//! It has the route and not the path, so that requests can be counted by it, and nothing of what a
//! request carries: no header, no query, no body.

use std::time::Duration;

use reqwest::Response;
use tokio::time::Instant;
use tracing::field::Empty;
use tracing::{Instrument, Span};

use crate::answer;
use crate::call::Call;

/// The span of one request, all its attempts included. It ends, with its duration, when the request
/// is answered or given up, and also when nobody waits for it any more.
pub(crate) struct RequestSpan {
    span: Span,
    begun: Instant,
}

impl RequestSpan {
    /// Begins the span of a request.
    pub(crate) fn begin(call: &Call) -> Self {
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

    /// When the request began.
    pub(crate) const fn begun(&self) -> Instant {
        self.begun
    }

    /// Does `work` inside of the span.
    pub(crate) async fn within<T>(&self, work: impl Future<Output = T>) -> T {
        work.instrument(self.span.clone()).await
    }

    /// Notes the attempt that is made, from 1.
    pub(crate) fn attempt(&self, number: u32) {
        self.span.record("attempts", number);
    }

    /// Notes the head of an answer, which took so long.
    pub(crate) fn answered(&self, response: &Response, took: Duration) {
        let status = response.status().as_u16();
        let request_id = answer::request_id(response.headers());
        self.span.record("status", status);
        self.span.record("request_id", request_id);
        tracing::debug!(
            status,
            request_id,
            duration_ms = millis(took),
            "an attempt is answered"
        );
    }
}

impl Drop for RequestSpan {
    fn drop(&mut self) {
        self.span
            .record("duration_ms", millis(self.begun.elapsed()));
    }
}

/// A duration as logs have it.
pub(crate) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
