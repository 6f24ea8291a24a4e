//! Helpers to launch sessions and read their events.

use ah_rest_api_contract::{
    CreateTask, EventFilter, EventPayload, EventSeq, RepoConfig, SessionEvent, SessionId,
    SessionStatus, StreamItem, TaskLaunchParams, TaskManager,
};
use futures::StreamExt;

/// A task with one session in an empty folder.
pub(crate) fn a_task() -> CreateTask {
    CreateTask::new("do it", RepoConfig::none(), "scenario")
}

pub(crate) async fn launch(manager: &dyn TaskManager, task: CreateTask) -> SessionId {
    let params = TaskLaunchParams::try_from(task).unwrap();
    manager.launch_task(params).await.unwrap().session_ids[0]
}

/// Returns the log up to and including the event that `wanted` matches.
pub(crate) async fn until(
    manager: &dyn TaskManager,
    id: SessionId,
    wanted: impl Fn(&EventPayload) -> bool,
) -> Vec<SessionEvent> {
    let filter = EventFilter::default();
    let mut events = manager
        .task_events_stream(id, EventSeq::START, filter)
        .await
        .unwrap();
    let mut log = Vec::new();
    while let Some(item) = events.next().await {
        if let StreamItem::Event(event) = item.unwrap() {
            let is_wanted = wanted(&event.payload);
            log.push(event);
            if is_wanted {
                return log;
            }
        }
    }
    panic!("the log ended without it: {log:#?}");
}

pub(crate) async fn until_status(
    manager: &dyn TaskManager,
    id: SessionId,
    status: SessionStatus,
) -> Vec<SessionEvent> {
    let is_it = |event: &EventPayload| matches!(event, EventPayload::Status(change) if change.status == status);
    until(manager, id, is_it).await
}

/// Returns the log of a session to its end.
pub(crate) async fn whole_log(manager: &dyn TaskManager, id: SessionId) -> Vec<SessionEvent> {
    let is_last = |event: &EventPayload| matches!(event, EventPayload::Status(change) if change.status.is_terminal());
    until(manager, id, is_last).await
}

/// Returns the statuses in a log, after checking that no `seq` repeats.
pub(crate) fn statuses(log: &[SessionEvent]) -> Vec<SessionStatus> {
    for (at, event) in log.iter().enumerate() {
        assert_eq!(event.seq.get(), at as u64 + 1, "{log:#?}");
    }
    let of = |event: &SessionEvent| match &event.payload {
        EventPayload::Status(change) => Some(change.status),
        _ => None,
    };
    log.iter().filter_map(of).collect()
}
