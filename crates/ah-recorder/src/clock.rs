//! The recorder's clock and its source of new identifiers.

use std::io;

use ah_lifecycle::turns::{Identifiers, Moment};
use ah_rest_api_contract::Timestamp;
use tokio::time::Instant;

/// Returns the current moment. The recorder stamps the records of its agent, so it reads the clock
/// itself; nothing else in this crate does.
#[expect(
    clippy::disallowed_methods,
    reason = "the recorder is the process whose clock stamps the journal"
)]
pub(crate) fn now() -> Moment {
    let millis = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        // A clock before 1970 is set wrongly; the journal's order does not depend on it.
        Err(_) => 0,
    };
    Moment {
        wall: Timestamp::from_unix_millis(millis),
        tick: Instant::now().into_std(),
    }
}

/// Returns identifiers that count upwards from 80 random bits. Drawing them is the only step that
/// can fail.
pub(crate) fn identifiers() -> io::Result<Identifiers> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(io::Error::other)?;
    Ok(Identifiers::seeded(u128::from_le_bytes(bytes)))
}
