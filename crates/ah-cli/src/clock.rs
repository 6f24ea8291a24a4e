//! The present moment, for ages and for what is left of a wait. Nothing is decided by it.

use ah_engine::{Clock, SystemClock};
use ah_rest_api_contract::Timestamp;

/// The present moment.
pub(crate) fn now() -> Timestamp {
    SystemClock.now()
}
