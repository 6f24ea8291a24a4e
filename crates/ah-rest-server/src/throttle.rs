//! The limit on the rate of each principal's requests.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::ErrorKind;
use axum::extract::{ConnectInfo, Request};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::clock::ServerClock;
use crate::config;
use crate::metrics::Metrics;
use crate::places::network;
use crate::problem::ApiError;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE: HeaderName = HeaderName::from_static("ratelimit");

/// The number of buckets from which those that are full are dropped.
const KNOWN_MAX: usize = 10_000;

type Buckets =
    RateLimiter<String, HashMapStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// The limit.
#[derive(Clone)]
pub(crate) struct Throttle {
    buckets: Arc<Limiter>,
    metrics: Metrics,
    clock: ServerClock,
}

impl Throttle {
    pub(crate) fn new(
        limits: &config::LimitsSection,
        metrics: Metrics,
        clock: ServerClock,
    ) -> Self {
        Self {
            buckets: Arc::new(Limiter::new(limits)),
            metrics,
            clock,
        }
    }

    /// Takes one request of the bucket of a principal and awaits its `response`, or refuses it.
    /// Adds the headers that describe the bucket.
    pub(crate) async fn pass(
        &self,
        principal: &str,
        response: impl Future<Output = Response>,
    ) -> Response {
        let (mut response, remaining) = match self.buckets.take(principal) {
            Ok(remaining) => (response.await, remaining),
            Err(wait) => {
                self.metrics.rate_limited();
                (too_many(wait).into_response(), 0)
            }
        };
        let now = self.clock.now().as_unix_millis() / 1000;
        self.buckets
            .describe(response.headers_mut(), remaining, now);
        response
    }

    /// Takes one request of the bucket for the network of a request without a valid key.
    pub(crate) fn check_stranger(&self, request: &Request) -> Result<(), ApiError> {
        let address = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map_or_else(
                || "unknown".to_owned(),
                |info| network(info.0.ip()).to_string(),
            );
        self.buckets
            .take(&format!("address {address}"))
            .map(drop)
            .map_err(too_many)
    }
}

/// One bucket per principal, and one per address of requests without a valid key.
struct Limiter {
    buckets: Buckets,
    burst: NonZeroU32,
    /// The time in which a bucket gains one request.
    refill: Duration,
    /// The headers that are the same for all requests, by their names.
    constant: [(HeaderName, HeaderValue); 2],
}

impl Limiter {
    fn new(limits: &config::LimitsSection) -> Self {
        let quota = Quota::per_minute(limits.requests_per_minute).allow_burst(limits.burst);
        let refill = quota.replenish_interval();
        let burst = limits.burst;
        let window = seconds_to_full(refill, burst.get()).max(1);
        let policy = format!("\"principal\";q={burst};w={window}");
        Self {
            buckets: RateLimiter::hashmap(quota).with_middleware(),
            burst,
            refill,
            constant: [
                (LIMIT, HeaderValue::from(burst.get())),
                (POLICY, text(policy)),
            ],
        }
    }

    /// Takes one request of the bucket `key`. Returns the number left, or the time to wait.
    fn take(&self, key: &str) -> Result<u32, Duration> {
        if self.buckets.len() > KNOWN_MAX {
            self.buckets.retain_recent();
        }
        match self.buckets.check_key(&key.to_owned()) {
            Ok(state) => Ok(state.remaining_burst_capacity()),
            Err(not_until) => Err(not_until.wait_time_from(DefaultClock::default().now())),
        }
    }

    fn describe(&self, headers: &mut HeaderMap, remaining: u32, now_seconds: i64) {
        let missing = self.burst.get().saturating_sub(remaining);
        let reset = seconds_to_full(self.refill, missing);
        let now = u64::try_from(now_seconds).unwrap_or_default();
        for (name, value) in &self.constant {
            headers.insert(name, value.clone());
        }
        headers.insert(REMAINING, HeaderValue::from(remaining));
        headers.insert(RESET, HeaderValue::from(now + reset));
        headers.insert(RATE, text(format!("\"principal\";r={remaining};t={reset}")));
    }
}

/// The whole seconds in which a bucket gains `missing` requests.
fn seconds_to_full(refill: Duration, missing: u32) -> u64 {
    (refill * missing).as_secs_f64().ceil() as u64
}

/// Returns the value of a header of digits, names and punctuation, which are always valid.
fn text(text: String) -> HeaderValue {
    HeaderValue::try_from(text).unwrap_or_else(|_| HeaderValue::from_static(""))
}

fn too_many(wait: Duration) -> ApiError {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    ApiError::new(
        ErrorKind::RateLimited,
        format!("too many requests; try again in {seconds} s"),
    )
    .header(RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_minute: u32, burst: u32) -> Limiter {
        Limiter::new(&config::LimitsSection {
            requests_per_minute: NonZeroU32::new(per_minute).unwrap(),
            burst: NonZeroU32::new(burst).unwrap(),
            max_concurrent_tasks: NonZeroU32::MIN,
        })
    }

    #[test]
    fn burst_limit_is_enforced() {
        let limits = limits(1, 3);
        let left: Vec<_> = (0..3).map(|_| limits.take("a")).collect();
        assert_eq!(left, [Ok(2), Ok(1), Ok(0)]);
        let wait = limits.take("a").unwrap_err();
        assert!(wait > Duration::from_secs(50), "{wait:?}");
        assert_eq!(limits.take("b"), Ok(2));
    }

    #[test]
    fn headers_report_the_remaining_requests() {
        let limits = limits(60, 10);
        let mut headers = HeaderMap::new();
        limits.describe(&mut headers, 7, 1000);
        assert_eq!(headers[LIMIT], "10");
        assert_eq!(headers[REMAINING], "7");
        assert_eq!(headers[RESET], "1003");
        assert_eq!(headers[POLICY], "\"principal\";q=10;w=10");
        assert_eq!(headers[RATE], "\"principal\";r=7;t=3");
    }

    #[test]
    fn retry_after_is_in_seconds() {
        let error = too_many(Duration::from_millis(1200));
        let response = error.into_response();
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[RETRY_AFTER], "2");
    }
}
