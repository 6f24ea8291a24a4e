//! Waits for a status of a session.

use ah_rest_api_contract::{
    EventFilter, EventPayload, EventType, Session, SessionStatus, StreamItem, TaskManager,
};
use futures::StreamExt;

use crate::failure::Failure;

/// Waits until `is_wanted` accepts the session's status, and returns the session. `session` is its
/// last known state. `seen` receives every status on the way.
pub(crate) async fn until(
    manager: &dyn TaskManager,
    session: &Session,
    is_wanted: impl Fn(SessionStatus) -> bool,
    mut seen: impl FnMut(SessionStatus),
) -> Result<SessionStatus, Failure> {
    let mut status = session.status;
    if is_wanted(status) {
        return Ok(status);
    }
    let filter = EventFilter::default().with_types([EventType::Status]);
    let mut events = manager
        .task_events_stream(session.id, session.last_seq, filter)
        .await?;
    while let Some(item) = events.next().await {
        if let StreamItem::Event(event) = item?
            && let EventPayload::Status(change) = event.payload
        {
            status = change.status;
            seen(status);
            if is_wanted(status) {
                return Ok(status);
            }
        }
    }
    Err(Failure::general(format!(
        "the event stream of session {} ended while it was {status}",
        session.id
    )))
}
