//! The retries of requests, and the delays between them.
//!
//! [`Attempts`] only decides and never waits, so that every rule can be tested directly.

use std::time::{Duration, SystemTime};

use ah_rest_api_contract::TaskManagerError;
use httpdate::parse_http_date;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// The limits and delays of retries.
///
/// The delay before a retry is uniformly distributed between zero and a bound (full jitter), so
/// that clients of a restarted server do not reconnect simultaneously. The bound doubles with each
/// failure. A server's `Retry-After` is added to the delay. If it exceeds the deadline, the request
/// fails immediately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The bound of the first delay. Default: 100 ms.
    pub first_delay: Duration,
    /// The maximum bound. Default: 5 s.
    pub delay_max: Duration,
    /// The maximum number of attempts, including the first. Default: 10.
    pub attempts_max: u32,
    /// The time limit of a request, including retries and delays. Default: 2 minutes.
    pub deadline: Duration,
    /// The time limit for connecting to a server that does not respond: long enough for a restart,
    /// and short enough for a user who forgot to start it. Default: 2 s.
    pub connect_deadline: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first_delay: Duration::from_millis(100),
            delay_max: Duration::from_secs(5),
            attempts_max: 10,
            deadline: Duration::from_secs(120),
            connect_deadline: Duration::from_secs(2),
        }
    }
}

impl RetryPolicy {
    /// Returns the delay after `failures` failures (from 0), for a uniformly distributed `chance`.
    pub(crate) fn delay(&self, failures: u32, chance: u64) -> Duration {
        let bound = self
            .first_delay
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(self.delay_max);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        // The upper half of the product scales `chance` uniformly from 2^64 to the bound.
        let scaled = (u128::from(nanos) * u128::from(chance)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

/// The failure of one attempt.
#[derive(Debug)]
pub(crate) struct AttemptFailure {
    /// The error for the caller if no attempt follows.
    pub(crate) error: TaskManagerError,
    /// The cause, which determines retries.
    pub(crate) cause: Cause,
    /// The delay requested by the server.
    pub(crate) retry_after: Option<Duration>,
}

/// The cause of a failure, which determines retries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// The server could not be reached.
    NotConnected,
    /// The server is busy and did not execute the request.
    Busy,
    /// The connection was lost or timed out, so the effect is unknown.
    Broken,
    /// The server reported an internal error.
    Fault,
    /// A permanent error.
    Final,
}

impl AttemptFailure {
    /// Creates a permanent failure.
    pub(crate) fn last(error: TaskManagerError) -> Self {
        Self {
            error,
            cause: Cause::Final,
            retry_after: None,
        }
    }

    /// Returns true for a transient failure, after which a reader of a stream may retry.
    pub(crate) fn is_passing(&self) -> bool {
        self.cause != Cause::Final
    }
}

/// The safety of repeating a request that may have reached the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Repeating it has no further effect.
    Safe,
    /// Repeating it would give a different response.
    Unsafe,
    /// It is never sent again.
    Never,
}

/// The attempts of one request.
#[derive(Debug)]
pub(crate) struct Attempts<'a> {
    policy: &'a RetryPolicy,
    repeat: Repeat,
    failures: u32,
}

impl<'a> Attempts<'a> {
    pub(crate) const fn new(policy: &'a RetryPolicy, repeat: Repeat) -> Self {
        Self {
            policy,
            repeat,
            failures: 0,
        }
    }

    /// Returns the number of the next attempt, from 1.
    pub(crate) const fn number(&self) -> u32 {
        self.failures + 1
    }

    /// Returns the delay before the next attempt, `elapsed` after the start of the first; `None` to
    /// give up. `chance` must be uniformly distributed.
    pub(crate) fn wait_after(
        &mut self,
        failure: &AttemptFailure,
        elapsed: Duration,
        chance: u64,
    ) -> Option<Duration> {
        let deadline = match (failure.cause, self.repeat) {
            (_, Repeat::Never) => return None,
            (Cause::NotConnected, _) => self.policy.connect_deadline.min(self.policy.deadline),
            (Cause::Busy, _) | (Cause::Broken, Repeat::Safe) => self.policy.deadline,
            (Cause::Broken, Repeat::Unsafe) | (Cause::Fault | Cause::Final, _) => return None,
        };
        let delay = self
            .policy
            .delay(self.failures, chance)
            .saturating_add(failure.retry_after.unwrap_or_default());
        self.failures += 1;
        (self.failures < self.policy.attempts_max && elapsed.saturating_add(delay) < deadline)
            .then_some(delay)
    }
}

/// Returns the delay of `Retry-After` (RFC 9110 §10.2.3), in seconds or as a date. A date is
/// compared with the response's `Date`, so that the clocks need not agree, or without one with
/// `now` of this host.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let asked = text(headers.get(RETRY_AFTER))?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = parse_http_date(asked).ok()?;
    let date = text(headers.get(DATE)).and_then(|date| parse_http_date(date).ok());
    // A date in the past means no delay.
    Some(
        until
            .duration_since(date.unwrap_or(now))
            .unwrap_or_default(),
    )
}

fn text(value: Option<&HeaderValue>) -> Option<&str> {
    value?.to_str().ok().map(str::trim)
}

#[cfg(test)]
mod tests;
