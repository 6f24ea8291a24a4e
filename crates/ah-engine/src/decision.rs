//! The write of a decision, and its retry after a conflict.

use std::time::Duration;

use ah_lifecycle::Change;
use ah_rest_api_contract::{SessionId, Timestamp};
use ah_store::{Guard, SessionWrite, metrics as names};

/// The number of attempts to write a decision. An attempt fails when another decision was written
/// since the session was read.
pub(crate) const DECISION_ATTEMPTS: u32 = 50;
/// The longest wait between two attempts.
const CONFLICT_BACKOFF_MAX: Duration = Duration::from_millis(50);

/// Waits after the conflict of the given attempt, counted from 0.
///
/// The first retry is immediate, since most conflicts are with a single other decision. Later
/// ones wait for a random time, so that writers that conflict spread out, under a limit that
/// doubles from 1 ms to [`CONFLICT_BACKOFF_MAX`].
pub(crate) async fn back_off(attempt: u32) {
    metrics::counter!(names::DECISION_CONFLICTS.name).increment(1);
    if attempt == 0 {
        return;
    }
    let limit = Duration::from_millis(1 << attempt.min(6)).min(CONFLICT_BACKOFF_MAX);
    // Without randomness the wait is the limit itself.
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    tokio::time::sleep(limit.mul_f64(share)).await;
}

/// Returns the write of a change under `guard`.
pub(crate) fn write_of(
    session: SessionId,
    guard: Guard,
    change: Change,
    now: Timestamp,
) -> SessionWrite {
    let Change {
        events,
        patch,
        prompts,
        permissions,
        attachments,
    } = change;
    SessionWrite {
        events,
        patch,
        prompts,
        permissions,
        attachments,
        ..SessionWrite::new(session, guard, now)
    }
}
