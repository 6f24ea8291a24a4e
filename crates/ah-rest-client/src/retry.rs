//! When a request is tried again, and after how long.
//!
//! [`Attempts`] decides and does no waiting of its own, so that every rule can be tested by hand.

use std::time::{Duration, SystemTime};

use ah_rest_api_contract::TaskManagerError;
use httpdate::parse_http_date;
use reqwest::header::{DATE, HeaderMap, HeaderValue, RETRY_AFTER};

/// How often, how long and how fast a request is tried again.
///
/// The wait before a retry is drawn evenly from zero to a bound (full jitter), so that many
/// clients of a server that comes back do not all come at once; the bound doubles with each
/// failure. What a server asks for with `Retry-After` comes on top; when that would be over the
/// deadline, the request is given up at once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// The bound of the first wait. 100 ms.
    pub first_delay: Duration,
    /// What the bound grows to at most. 5 s.
    pub delay_max: Duration,
    /// How often a request is sent at most, the first time included. 10.
    pub attempts_max: u32,
    /// How long a request may take in all, its retries and waits included. 2 minutes.
    pub deadline: Duration,
    /// How long a server that nobody answers for is tried: enough for one that is being
    /// restarted, and short enough for a person who has forgotten to start one. 2 s.
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
    /// The wait after `failures` failures (from 0) for `chance` drawn evenly from all numbers.
    pub(crate) fn delay(&self, failures: u32, chance: u64) -> Duration {
        let bound = self
            .first_delay
            .saturating_mul(2_u32.saturating_pow(failures))
            .min(self.delay_max);
        let nanos = u64::try_from(bound.as_nanos()).unwrap_or(u64::MAX);
        // The upper half of the product is `chance` scaled from 2^64 to the bound, evenly.
        let scaled = (u128::from(nanos) * u128::from(chance)) >> 64;
        Duration::from_nanos(u64::try_from(scaled).unwrap_or(u64::MAX))
    }
}

/// Why one attempt did not succeed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What the caller is told if this was the last attempt.
    pub(crate) error: TaskManagerError,
    /// What it means for a retry.
    pub(crate) cause: Cause,
    /// How long the server asked to wait.
    pub(crate) retry_after: Option<Duration>,
}

/// What a failure means for a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Nobody was there to be asked.
    NotConnected,
    /// The server is busy and said that it did nothing.
    Busy,
    /// The connection broke or no answer came, and nobody knows what was done.
    Broken,
    /// The server answered that something went wrong in it.
    Fault,
    /// The answer, and the same one the next time.
    Final,
}

impl Failure {
    /// A failure that no retry and no wait makes better.
    pub(crate) fn last(error: TaskManagerError) -> Self {
        Self {
            error,
            cause: Cause::Final,
            retry_after: None,
        }
    }

    /// Whether it may pass by itself, so that a reader who has time waits for it.
    pub(crate) fn is_passing(&self) -> bool {
        self.cause != Cause::Final
    }
}

/// Whether a request that may have reached the server may be sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat {
    /// Doing it twice is doing it once.
    Safe,
    /// A second time would be answered otherwise.
    Unsafe,
    /// Nothing is sent a second time, whatever became of the first.
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

    /// The number of the attempt that comes next, from 1.
    pub(crate) const fn number(&self) -> u32 {
        self.failures + 1
    }

    /// How long to wait before the next attempt, `elapsed` after the first began; `None` to give
    /// up. `chance` is drawn evenly from all numbers.
    pub(crate) fn wait_after(
        &mut self,
        failure: &Failure,
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

/// The wait that `Retry-After` asks for (RFC 9110 §10.2.3): seconds, or a date. A date is read
/// against the answer's own `Date`, so that the two clocks need not agree, and against `now` by
/// this host's clock when the answer has none.
pub(crate) fn retry_after(headers: &HeaderMap, now: SystemTime) -> Option<Duration> {
    let asked = text(headers.get(RETRY_AFTER))?;
    if let Ok(seconds) = asked.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let until = parse_http_date(asked).ok()?;
    let date = text(headers.get(DATE)).and_then(|date| parse_http_date(date).ok());
    // A date that is past asks for no wait.
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
