//! The environment of a case: an empty manager, and helpers to launch, wait and inspect.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    CreateTask, ErrorKind, EventFilter, EventPayload, EventSeq, EventStream, RepoConfig, Session,
    SessionEvent, SessionId, SessionStatus, StreamItem, TaskLaunchParams, TaskManager,
    TaskManagerError,
};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::Harness;

/// The time limit of every wait. It is reached only by a failing case.
const PATIENCE: Duration = Duration::from_secs(30);
/// The maximum number of items that a case reads from a stream. It is reached only by a failing
/// case, and ends one whose stream is always ready, so that no clock advances.
const ITEMS_MAX: usize = 10_000;
/// The maximum number of pages that a case reads from a list.
pub(crate) const PAGES_MAX: u32 = 100;
/// The polling interval for states that no event reports.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// The environment of a case.
pub struct World {
    harness: Box<dyn Harness>,
    manager: Arc<dyn TaskManager>,
}

impl World {
    /// Creates an environment on `harness`.
    #[must_use]
    pub fn new(harness: impl Harness + 'static) -> Self {
        Self {
            manager: harness.manager(),
            harness: Box::new(harness),
        }
    }

    /// Returns the manager under test.
    #[must_use]
    pub fn manager(&self) -> &dyn TaskManager {
        self.manager.as_ref()
    }

    /// Returns the manager under test, for a separate task.
    #[must_use]
    pub fn shared(&self) -> Arc<dyn TaskManager> {
        self.manager.clone()
    }

    /// Returns the maximum number of running sessions.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.harness.slots()
    }

    /// Advances the time of sessions.
    pub async fn advance(&self, by: Duration) {
        self.harness.advance(by).await;
    }

    /// Holds sessions in this status.
    pub async fn hold(&self, status: SessionStatus) {
        self.harness.hold(status).await;
    }

    /// Releases sessions from this status.
    pub async fn release(&self, status: SessionStatus) {
        self.harness.release(status).await;
    }

    pub(crate) async fn end(self) {
        self.harness.end().await;
    }

    /// Returns a task with one session whose agent plays this timeline.
    #[must_use]
    pub fn task(&self, timeline: &Value) -> CreateTask {
        let mut task = CreateTask::new("do it", RepoConfig::none(), "scenario");
        let scenario = json!({"name": "conformance", "timeline": timeline});
        let settings = &mut task.agents[0].settings;
        settings.insert("scenario".to_owned(), scenario);
        self.harness.adapt(task)
    }

    /// Launches a session whose agent plays this timeline.
    pub async fn launch(&self, timeline: Value) -> SessionId {
        self.launch_task(self.task(&timeline)).await
    }

    /// Launches a task and returns its first session.
    pub async fn launch_task(&self, task: CreateTask) -> SessionId {
        let params = TaskLaunchParams::try_from(task).expect("the case's task is a good one");
        let launched = self.manager.launch_task(params).await;
        launched.expect("the task is launched").session_ids[0]
    }

    /// Launches a session and waits until its agent runs.
    pub async fn running(&self, timeline: Value) -> SessionId {
        let id = self.launch(timeline).await;
        self.until_status(id, SessionStatus::Running).await;
        id
    }

    /// Waits until `wanted` matches an event of the session's log, and returns the log up to it.
    pub async fn until(
        &self,
        id: SessionId,
        wanted: impl Fn(&SessionEvent) -> bool,
    ) -> Vec<SessionEvent> {
        let mut log = Vec::new();
        let read = async {
            let filter = EventFilter::default();
            let stream = self
                .manager
                .task_events_stream(id, EventSeq::START, filter)
                .await;
            let mut events = stream.expect("the session is known");
            while let Some(item) = events.next().await {
                let event = event_of(item.expect("the stream goes on"));
                let is_wanted = wanted(&event);
                log.push(event);
                if is_wanted {
                    return true;
                }
                assert!(log.len() < ITEMS_MAX, "the stream does not end");
            }
            false
        };
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(true) => log,
            Ok(false) => panic!("the log ended without it: {log:#?}"),
            Err(_) => panic!("it did not come: {log:#?}"),
        }
    }

    /// Waits until the log has reached `seq`.
    pub async fn until_seq(&self, id: SessionId, seq: EventSeq) -> Vec<SessionEvent> {
        self.until(id, |event| event.seq == seq).await
    }

    /// Waits until the session's log reports this status, and returns the session.
    pub async fn until_status(&self, id: SessionId, status: SessionStatus) -> Session {
        self.until(id, |event| status_of(event) == Some(status))
            .await;
        self.session(id).await
    }

    /// Waits until the agent has this thought.
    pub async fn until_thought(&self, id: SessionId, text: &str) -> Vec<SessionEvent> {
        self.until(id, |event| thought_of(event) == Some(text))
            .await
    }

    /// Waits until the agent requests permission.
    pub async fn until_asked(&self, id: SessionId) -> Vec<SessionEvent> {
        self.until(id, |event| {
            matches!(event.payload, EventPayload::PermissionRequest(_))
        })
        .await
    }

    /// Waits until `wanted` accepts the session, for states that no event reports.
    pub async fn until_session(&self, id: SessionId, wanted: impl Fn(&Session) -> bool) -> Session {
        let look = async {
            loop {
                let session = self.session(id).await;
                if wanted(&session) {
                    return session;
                }
                tokio::time::sleep(LOOK_AGAIN).await;
            }
        };
        match tokio::time::timeout(PATIENCE, look).await {
            Ok(session) => session,
            Err(_) => panic!("it did not come to that: {:#?}", self.session(id).await),
        }
    }

    /// Returns the whole log of a session that ends.
    pub async fn whole_log(&self, id: SessionId) -> Vec<SessionEvent> {
        self.read(id, EventSeq::START, EventFilter::default()).await
    }

    /// Returns everything that a reader with this cursor and filter receives, up to the end of the
    /// stream.
    pub async fn read(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Vec<SessionEvent> {
        read_all(self.shared(), id, after, filter).await
    }

    /// Returns the session.
    pub async fn session(&self, id: SessionId) -> Session {
        let session = self.manager.get_session(id).await;
        session.expect("the session is known")
    }
}

/// Awaits `future` within the time limit of a case.
pub(crate) async fn bounded<T>(future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, future).await;
    result.expect("it happens in time")
}

/// Returns everything that a reader with this cursor and filter receives, up to the end of the
/// stream.
pub(crate) async fn read_all(
    manager: Arc<dyn TaskManager>,
    id: SessionId,
    after: EventSeq,
    filter: EventFilter,
) -> Vec<SessionEvent> {
    let stream = bounded(manager.task_events_stream(id, after, filter)).await;
    let items = read_to_end(stream.expect("the session is known")).await;
    items.into_iter().map(event_of).collect()
}

/// Returns the remaining items of a stream that ends.
pub(crate) async fn read_to_end(stream: EventStream) -> Vec<StreamItem> {
    let items = stream.map(|item| item.expect("the stream goes on"));
    let items: Vec<StreamItem> = bounded(items.take(ITEMS_MAX).collect()).await;
    assert!(items.len() < ITEMS_MAX, "the stream does not end");
    items
}

fn event_of(item: StreamItem) -> SessionEvent {
    match item {
        StreamItem::Event(event) => event,
        other => panic!("only events were asked for: {other:?}"),
    }
}

fn status_of(event: &SessionEvent) -> Option<SessionStatus> {
    match &event.payload {
        EventPayload::Status(change) => Some(change.status),
        _ => None,
    }
}

fn thought_of(event: &SessionEvent) -> Option<&str> {
    match &event.payload {
        EventPayload::Thought(thought) => Some(&thought.thought),
        _ => None,
    }
}

/// Returns the statuses in a log, after checking that no event repeats and every transition is
/// legal.
pub(crate) fn statuses(log: &[SessionEvent]) -> Vec<SessionStatus> {
    for (at, event) in log.iter().enumerate() {
        assert_eq!(event.seq.get(), at as u64 + 1, "{log:#?}");
    }
    let statuses: Vec<SessionStatus> = log.iter().filter_map(status_of).collect();
    for step in statuses.windows(2) {
        assert!(step[0].may_become(step[1]), "{statuses:?}");
    }
    statuses
}

/// Returns the thoughts in a log.
pub(crate) fn thoughts(log: &[SessionEvent]) -> Vec<&str> {
    log.iter().filter_map(thought_of).collect()
}

/// Asserts that the result is an error of this kind.
pub(crate) fn refused<T: Debug>(
    result: Result<T, TaskManagerError>,
    kind: ErrorKind,
) -> TaskManagerError {
    let error = result.expect_err("this is to be refused");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

/// Asserts that the result is an error about this field.
pub(crate) fn refused_for<T: Debug>(result: Result<T, TaskManagerError>, field: &str) {
    let error = refused(result, ErrorKind::Validation);
    let messages = error.problem().errors.get(field);
    assert!(!messages.is_empty(), "{field}: {:?}", error.problem());
}
