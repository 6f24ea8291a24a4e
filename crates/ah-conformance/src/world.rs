//! What a case has: a manager in which nothing has happened, and ways to launch, wait and look.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    CreateTask, ErrorKind, EventFilter, EventPayload, EventSeq, RepoConfig, Session, SessionEvent,
    SessionId, SessionStatus, StreamItem, TaskLaunchParams, TaskManager, TaskManagerError,
};
use futures::StreamExt;
use serde_json::{Value, json};

use crate::Harness;

/// How long anything may take before a case has failed. It is not waited for when all goes well.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long it takes to look again at what no event tells of.
const LOOK_AGAIN: Duration = Duration::from_millis(2);

/// What a case has.
pub struct World {
    harness: Box<dyn Harness>,
    manager: Arc<dyn TaskManager>,
}

impl World {
    /// A world of its own, on what `harness` made.
    #[must_use]
    pub fn new(harness: impl Harness + 'static) -> Self {
        Self {
            manager: harness.manager(),
            harness: Box::new(harness),
        }
    }

    /// What is tested.
    #[must_use]
    pub fn manager(&self) -> &dyn TaskManager {
        self.manager.as_ref()
    }

    /// What is tested, for a task of its own.
    #[must_use]
    pub fn shared(&self) -> Arc<dyn TaskManager> {
        self.manager.clone()
    }

    /// How many sessions may hold a slot at once.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.harness.slots()
    }

    /// Lets this much time pass for sessions.
    pub async fn advance(&self, by: Duration) {
        self.harness.advance(by).await;
    }

    /// Keeps sessions in this status.
    pub async fn hold(&self, status: SessionStatus) {
        self.harness.hold(status).await;
    }

    /// Lets sessions go on from this status.
    pub async fn release(&self, status: SessionStatus) {
        self.harness.release(status).await;
    }

    pub(crate) async fn end(self) {
        self.harness.end().await;
    }

    /// A task of one session whose agent plays this timeline.
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

    /// Launches a task and gives its first session.
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

    /// Waits until the session's log has an event that `wanted` recognises, and returns the log up
    /// to it.
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
            }
            false
        };
        match tokio::time::timeout(PATIENCE, read).await {
            Ok(true) => log,
            Ok(false) => panic!("the log ended without it: {log:#?}"),
            Err(_) => panic!("it did not come: {log:#?}"),
        }
    }

    /// Waits until the log has come as far as `seq`.
    pub async fn until_seq(&self, id: SessionId, seq: EventSeq) -> Vec<SessionEvent> {
        self.until(id, |event| event.seq == seq).await
    }

    /// Waits until the session's log says that it has this status, and returns the session.
    pub async fn until_status(&self, id: SessionId, status: SessionStatus) -> Session {
        self.until(id, |event| status_of(event) == Some(status))
            .await;
        self.session(id).await
    }

    /// Waits until the agent has thought this.
    pub async fn until_thought(&self, id: SessionId, text: &str) -> Vec<SessionEvent> {
        self.until(id, |event| thought_of(event) == Some(text))
            .await
    }

    /// Waits until the agent asks leave.
    pub async fn until_asked(&self, id: SessionId) -> Vec<SessionEvent> {
        self.until(id, |event| {
            matches!(event.payload, EventPayload::PermissionRequest(_))
        })
        .await
    }

    /// Waits until the session is as `wanted` wants it, which no event tells of.
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

    /// The whole log of a session that ends.
    pub async fn whole_log(&self, id: SessionId) -> Vec<SessionEvent> {
        self.read(id, EventSeq::START, EventFilter::default()).await
    }

    /// Everything that a reader with this cursor and filter is given, to the end of the stream.
    pub async fn read(
        &self,
        id: SessionId,
        after: EventSeq,
        filter: EventFilter,
    ) -> Vec<SessionEvent> {
        read_all(self.shared(), id, after, filter).await
    }

    /// The session.
    pub async fn session(&self, id: SessionId) -> Session {
        let session = self.manager.get_session(id).await;
        session.expect("the session is known")
    }
}

/// The result of `future`, which is not waited for longer than a case may take.
pub(crate) async fn bounded<T>(future: impl Future<Output = T>) -> T {
    let result = tokio::time::timeout(PATIENCE, future).await;
    result.expect("it happens in time")
}

/// Everything that a reader with this cursor and filter is given, to the end of the stream.
pub(crate) async fn read_all(
    manager: Arc<dyn TaskManager>,
    id: SessionId,
    after: EventSeq,
    filter: EventFilter,
) -> Vec<SessionEvent> {
    let read = async {
        let stream = manager.task_events_stream(id, after, filter).await;
        let stream = stream.expect("the session is known");
        let events = stream.map(|item| event_of(item.expect("the stream goes on")));
        events.collect().await
    };
    let read = tokio::time::timeout(PATIENCE, read).await;
    read.expect("the stream ends with the session")
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

/// The statuses that a log tells. Every event is there once, and every step is a legal one.
pub(crate) fn statuses(log: &[SessionEvent]) -> Vec<SessionStatus> {
    for (at, event) in log.iter().enumerate() {
        assert_eq!(event.seq.get(), at as u64 + 1, "{log:#?}");
    }
    let told: Vec<SessionStatus> = log.iter().filter_map(status_of).collect();
    for step in told.windows(2) {
        assert!(step[0].may_become(step[1]), "{told:?}");
    }
    told
}

/// The thoughts that a log tells.
pub(crate) fn thoughts(log: &[SessionEvent]) -> Vec<&str> {
    log.iter().filter_map(thought_of).collect()
}

/// That something is refused with an error of this kind.
pub(crate) fn refused<T: Debug>(
    result: Result<T, TaskManagerError>,
    kind: ErrorKind,
) -> TaskManagerError {
    let error = result.expect_err("this is to be refused");
    assert_eq!(error.kind(), kind, "{error}");
    error
}

/// That something is refused because of this field.
pub(crate) fn refused_for<T: Debug>(result: Result<T, TaskManagerError>, field: &str) {
    let error = refused(result, ErrorKind::Validation);
    let told = error.problem().errors.get(field);
    assert!(!told.is_empty(), "{field}: {:?}", error.problem());
}
