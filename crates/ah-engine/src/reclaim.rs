//! Removal of what ended sessions left on the host.
//!
//! The supervisor of a session does it after the end. What it could not finish, or what it did not
//! live to do, is found by a sweep at the start of an engine and every hour.

use std::sync::Arc;
use std::time::Duration;

use ah_executor::LogRetention;
use ah_rest_api_contract::{SessionId, SessionStatus};
use ah_store::StoreError;
use tokio_util::sync::CancellationToken;

use crate::engine::Core;

/// The interval between two sweeps.
pub(crate) const SWEEP_EVERY: Duration = Duration::from_secs(60 * 60);
/// The maximum number of sessions of one sweep.
const SWEPT_MAX: usize = 1000;
/// The time that a removal in progress has when the engine shuts down.
const SHUTDOWN_ALLOWANCE: Duration = Duration::from_secs(1);

/// Removes what an ended session left on the host. A failure is logged, and the next sweep tries
/// again.
pub(crate) async fn reclaim(
    core: &Core,
    session: SessionId,
    status: SessionStatus,
    shutdown: &CancellationToken,
) {
    let log = match status {
        SessionStatus::Failed => LogRetention::Keep,
        _ => LogRetention::Remove,
    };
    let reclaimed = tokio::select! {
        reclaimed = core.executor.reclaim(session, log) => reclaimed,
        () = end_of_allowance(shutdown) => return,
    };
    if let Err(error) = reclaimed {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(session.id = %session, error, "something of an ended session is left");
    }
}

async fn end_of_allowance(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(SHUTDOWN_ALLOWANCE).await;
}

/// Removes what ended sessions left on the host. What belongs to a session that the store does not
/// know is kept: the store may be an older copy.
pub(crate) async fn sweep(core: Arc<Core>, shutdown: CancellationToken) {
    let left = match core.executor.remains(SWEPT_MAX).await {
        Ok(left) => left,
        Err(error) => {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(error, "the remains of ended sessions cannot be listed");
            return;
        }
    };
    let mut unknown = 0_u32;
    for session in left {
        if shutdown.is_cancelled() {
            return;
        }
        match core.store.session(session).await {
            Ok(record) if record.session.status.is_terminal() => {
                reclaim(&core, session, record.session.status, &shutdown).await;
            }
            Ok(_) => {}
            Err(StoreError::NotFound { .. }) => unknown += 1,
            Err(error) => {
                let error = &error as &dyn std::error::Error;
                tracing::warn!(error, "the remains of ended sessions stay");
                return;
            }
        }
    }
    if unknown > 0 {
        tracing::warn!(
            unknown,
            "the state folder has files of sessions that the store does not know; they are kept"
        );
    }
}
