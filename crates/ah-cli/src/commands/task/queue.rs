//! Says why a launched task does not start.

use std::convert::Infallible;
use std::time::Duration;

use ah_rest_api_contract::{PageRequest, SessionId, SessionQuery, SessionStatus, TaskManager};

use crate::context::Context;
use crate::failure::Failure;
use crate::style::{Line, Paint};
use crate::text;

/// The time in the queue after which the reason is printed. A session with a free slot leaves the
/// queue within milliseconds.
const UNANNOUNCED: Duration = Duration::from_secs(1);
/// The statuses of sessions that hold a slot.
const HOLDING: [SessionStatus; 6] = [
    SessionStatus::Provisioning,
    SessionStatus::Running,
    SessionStatus::Pausing,
    SessionStatus::Paused,
    SessionStatus::Resuming,
    SessionStatus::Stopping,
];

/// Prints a line if sessions are still queued after a while. Never returns, since the caller waits
/// for something else meanwhile.
pub(super) async fn announce(
    manager: &dyn TaskManager,
    sessions: &[SessionId],
    context: &Context,
) -> Infallible {
    tokio::time::sleep(UNANNOUNCED).await;
    match reason(manager, sessions).await {
        Ok(Some(words)) => context.terminal.note(&Line::of(Paint::Plain, words)),
        Ok(None) => {}
        // The caller uses the same task manager and reports its failure.
        Err(failure) => tracing::debug!(%failure, "the queue cannot be read"),
    }
    std::future::pending().await
}

/// Returns the reason that some of the sessions are queued.
async fn reason(
    manager: &dyn TaskManager,
    sessions: &[SessionId],
) -> Result<Option<String>, Failure> {
    let mut queued = Vec::new();
    for id in sessions {
        if manager.get_session(*id).await?.status == SessionStatus::Queued {
            queued.push(*id);
        }
    }
    let subject = match queued.as_slice() {
        [] => return Ok(None),
        [one] => format!("session {one} is queued"),
        many => format!("{} are queued", text::counted(many.len() as u64, "session")),
    };
    let query = SessionQuery {
        statuses: HOLDING.to_vec(),
        page: PageRequest::new(1, 1)?,
        ..SessionQuery::default()
    };
    Ok(Some(match manager.list_sessions(query).await?.total {
        0 => format!("{subject}: no `ah` process starts it at the moment"),
        1 => format!("{subject} until the running session ends"),
        running => format!("{subject} until one of {running} running sessions ends"),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{manager_of, session};

    #[tokio::test]
    async fn queued_session_waits_for_the_running_ones() {
        let mut queued = session("01JZBBBBBBBBBBBBBBBBBBBB22");
        queued.status = SessionStatus::Queued;
        let mut running = session("01JZAAAAAAAAAAAAAAAAAAAAA1");
        running.status = SessionStatus::Running;
        let ids = [queued.id];
        let words = async |sessions: Vec<ah_rest_api_contract::Session>| {
            reason(&manager_of(sessions), &ids)
                .await
                .expect("the mock answers")
        };
        assert_eq!(
            words(vec![queued.clone(), running.clone()]).await,
            Some(format!(
                "session {} is queued until the running session ends",
                queued.id
            ))
        );
        let mut started = queued.clone();
        started.status = SessionStatus::Running;
        assert_eq!(words(vec![started, running]).await, None);
    }
}
