//! Waits for a status of a session.

use ah_rest_api_contract::{
    EventFilter, EventPayload, EventType, Session, SessionStatus, StreamItem, TaskManager,
};
use futures::StreamExt;

use crate::failure::Failure;

/// Waits until `is_wanted` accepts the session's status, and returns the status. `session` is its
/// last known state. `seen` receives every status and the progress on the way, in words.
pub(crate) async fn until(
    manager: &dyn TaskManager,
    session: &Session,
    is_wanted: impl Fn(SessionStatus) -> bool,
    mut seen: impl FnMut(String),
) -> Result<SessionStatus, Failure> {
    let mut status = session.status;
    if is_wanted(status) {
        return Ok(status);
    }
    let filter = EventFilter::default().with_types([EventType::Status, EventType::Progress]);
    let mut events = manager
        .task_events_stream(session.id, session.last_seq, filter)
        .await?;
    while let Some(item) = events.next().await {
        let StreamItem::Event(event) = item? else {
            continue;
        };
        match event.payload {
            EventPayload::Status(change) => {
                status = change.status;
                seen(status.to_string());
                if is_wanted(status) {
                    return Ok(status);
                }
            }
            EventPayload::Progress(progress) => {
                seen(format!("{} ({} %)", progress.stage, progress.progress));
            }
            _ => {}
        }
    }
    Err(Failure::general(format!(
        "the event stream of session {} ended while it was {status}",
        session.id
    )))
}
