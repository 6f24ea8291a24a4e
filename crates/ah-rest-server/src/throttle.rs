//! The limit on the rate of each principal's requests.

use std::net::SocketAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::ErrorKind;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue, RETRY_AFTER};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use governor::clock::{Clock as _, DefaultClock};
use governor::middleware::StateInformationMiddleware;
use governor::state::keyed::HashMapStateStore;
use governor::{Quota, RateLimiter};

use crate::auth::Principal;
use crate::clock::ServerClock;
use crate::config;
use crate::metrics::Metrics;
use crate::problem::ApiError;
use crate::serve;

const LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("x-ratelimit-reset");
const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const RATE: HeaderName = HeaderName::from_static("ratelimit");

/// The number of buckets from which those that are full are dropped.
const KNOWN_MAX: usize = 10_000;

type Buckets =
    RateLimiter<String, HashMapStateStore<String>, DefaultClock, StateInformationMiddleware>;

/// The state of [`throttle`].
#[derive(Clone)]
pub(crate) struct Throttle {
    buckets: Arc<Limiter>,
    metrics: Metrics,
    clock: ServerClock,
}

impl Throttle {
    pub(crate) fn new(limits: &config::Limits, metrics: Metrics, clock: ServerClock) -> Self {
        Self {
            buckets: Arc::new(Limiter::new(limits)),
            metrics,
            clock,
        }
    }

    /// Takes one request of the bucket for the network of a request without a valid key.
    pub(crate) fn check_stranger(&self, request: &Request) -> Result<(), ApiError> {
        let address = request
            .extensions()
            .get::<ConnectInfo<SocketAddr>>()
            .map_or_else(
                || "unknown".to_owned(),
                |info| serve::network(info.0.ip()).to_string(),
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
}

impl Limiter {
    fn new(limits: &config::Limits) -> Self {
        let quota = Quota::per_minute(limits.requests_per_minute).allow_burst(limits.burst);
        Self {
            buckets: RateLimiter::hashmap(quota).with_middleware(),
            burst: limits.burst,
            refill: quota.replenish_interval(),
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

    /// The whole seconds until a bucket with `remaining` requests is full.
    fn seconds_to_full(&self, remaining: u32) -> u64 {
        let missing = self.burst.get().saturating_sub(remaining);
        (self.refill * missing).as_secs_f64().ceil() as u64
    }

    fn describe(&self, headers: &mut HeaderMap, remaining: u32, now_seconds: i64) {
        let reset = self.seconds_to_full(remaining);
        let burst = self.burst;
        let window = self.seconds_to_full(0).max(1);
        let now = u64::try_from(now_seconds).unwrap_or_default();
        let texts = [
            (LIMIT, burst.to_string()),
            (REMAINING, remaining.to_string()),
            (RESET, (now + reset).to_string()),
            (POLICY, format!("\"principal\";q={burst};w={window}")),
            (RATE, format!("\"principal\";r={remaining};t={reset}")),
        ];
        for (name, text) in texts {
            // Digits and names are always valid in a header.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

fn too_many(wait: Duration) -> ApiError {
    let seconds = wait.as_secs_f64().ceil().max(1.0) as u64;
    ApiError::new(
        ErrorKind::RateLimited,
        format!("too many requests; try again in {seconds} s"),
    )
    .header(RETRY_AFTER, HeaderValue::from(seconds))
}

/// Passes a request on if its principal's bucket is not empty, and adds the headers that describe
/// the bucket. Open routes and streams do not count, since streams are opened rarely and held long.
pub(crate) async fn throttle(
    State(throttle): State<Throttle>,
    request: Request,
    next: Next,
) -> Response {
    let Some(principal) = request.extensions().get::<Principal>() else {
        return next.run(request).await;
    };
    if crate::streams::is_requested(&request) {
        return next.run(request).await;
    }
    let (mut response, remaining) = match throttle.buckets.take(&principal.id) {
        Ok(remaining) => (next.run(request).await, remaining),
        Err(wait) => {
            throttle.metrics.rate_limited();
            (too_many(wait).into_response(), 0)
        }
    };
    let now = throttle.clock.now().as_unix_millis() / 1000;
    throttle
        .buckets
        .describe(response.headers_mut(), remaining, now);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(per_minute: u32, burst: u32) -> Limiter {
        Limiter::new(&config::Limits {
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
