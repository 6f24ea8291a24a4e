//! The clock of the engine: the host's clock, or a manual one for tests.

use std::time::Duration;

use ah_rest_api_contract::Timestamp;
use async_trait::async_trait;
use tokio::sync::watch;

/// A source of the time. The engine reads the time only through this trait.
#[async_trait]
pub trait Clock: Send + Sync + 'static {
    /// Returns the current time.
    fn now(&self) -> Timestamp;

    /// Waits until `moment`. Returns at once if `moment` has passed.
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
        // The host's clock may be set during the wait, so each sleep is bounded.
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

/// A clock that changes only by [`ManualClock::advance`].
#[derive(Debug)]
pub struct ManualClock(watch::Sender<Timestamp>);

impl ManualClock {
    /// Creates a clock with the time `start`.
    #[must_use]
    pub fn at(start: Timestamp) -> Self {
        Self(watch::Sender::new(start))
    }

    /// Moves the clock forward and wakes the waits whose moment has passed.
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
