//! The engine's clock: the host's, or one that a test turns by hand.

use std::time::Duration;

use ah_rest_api_contract::Timestamp;
use async_trait::async_trait;
use tokio::sync::watch;

/// What the engine knows of time. Nothing in the engine reads the time in any other way.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// The moment it is.
    fn now(&self) -> Timestamp;

    /// Waits until it is `moment`; returns at once when it was already.
    async fn sleep_until(&self, moment: Timestamp);
}

/// The host's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the clock that everybody else takes"
    )]
    fn now(&self) -> Timestamp {
        let since_epoch = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or(Duration::ZERO);
        Timestamp::from_unix_millis(i64::try_from(since_epoch.as_millis()).unwrap_or(i64::MAX))
    }

    async fn sleep_until(&self, moment: Timestamp) {
        // The host's clock may be set while we sleep, so the wait is taken in bounded stretches.
        const STRETCH: Duration = Duration::from_secs(60);
        loop {
            let left = moment.since(self.now());
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(left.min(STRETCH)).await;
        }
    }
}

/// A clock that stands still until it is turned.
#[derive(Debug)]
pub struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    /// A clock that stands at `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(watch::Sender::new(start))
    }

    /// Turns the clock forward and wakes whoever waited for a moment that has come.
    pub fn advance(&self, by: Duration) {
        self.0.send_modify(|now| *now = now.plus(by));
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.0.borrow()
    }

    async fn sleep_until(&self, moment: Timestamp) {
        let mut now = self.0.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail while it is borrowed.
        if now.wait_for(|now| *now >= moment).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
