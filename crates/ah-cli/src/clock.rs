//! The current time, for displayed ages and remaining times only. No decision depends on it.

use ah_engine::{Clock, SystemClock};
use ah_rest_api_contract::Timestamp;

/// Returns the current time.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}
