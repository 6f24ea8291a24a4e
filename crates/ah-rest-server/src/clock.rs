//! The time of the server.

use std::fmt;
use std::sync::Arc;

use ah_rest_api_contract::Timestamp;

/// The source of the server's time. Clones share it.
#[derive(Clone)]
pub struct ServerClock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl ServerClock {
    /// Creates a clock that reads the time by calling `now`.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    pub(crate) fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl fmt::Debug for ServerClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ServerClock").finish_non_exhaustive()
    }
}
