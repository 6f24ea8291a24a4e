//! A store, a host, a clock and their engines.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use ah_engine::testing::{Behavior, FakeHost};
use ah_engine::{EngineConfig, IdSource, LocalTaskManager, ManualClock};
use ah_rest_api_contract::{
    CreateTask, EventFilter, EventPayload, EventSeq, RepoConfig, Session, SessionEvent, SessionId,
    SessionStatus, StreamItem, TaskLaunchParams, TaskManager, Timestamp,
};
use ah_store::Store;
use ah_store_sqlite::SqliteStore;
use futures::StreamExt;
use tempfile::TempDir;

/// The maximum wait before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct World {
    pub(crate) home: TempDir,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) host: FakeHost,
    pub(crate) slots: u32,
}

impl World {
    pub(crate) fn new(behavior: Behavior) -> Self {
        let start = Timestamp::from_unix_millis(1_800_000_000_000);
        let clock = Arc::new(ManualClock::at(start));
        let host = FakeHost::new(clock.clone(), behavior);
        Self {
            home: tempfile::tempdir().unwrap(),
            clock,
            host,
            slots: 16,
        }
    }

    pub(crate) async fn store(&self) -> Arc<dyn Store> {
        Arc::new(
            SqliteStore::open(&self.home.path().join("state.db"))
                .await
                .unwrap(),
        )
    }

    /// Starts an engine on the world's store, with its own store handle.
    pub(crate) async fn engine(&self) -> LocalTaskManager {
        self.engine_on(self.store().await).await
    }

    /// Starts an engine on this store handle.
    pub(crate) async fn engine_on(&self, store: Arc<dyn Store>) -> LocalTaskManager {
        let mut config = EngineConfig::new(self.home.path().to_owned());
        config.max_concurrent_tasks = NonZeroU32::new(self.slots).unwrap();
        config.allowed_env.insert("GREETING".into());
        LocalTaskManager::start(
            config,
            store,
            Arc::new(self.host.clone()),
            self.clock.clone(),
            IdSource::system(),
        )
        .await
        .unwrap()
    }
}

/// Returns a task with one scenario session in an empty folder.
pub(crate) fn a_task() -> CreateTask {
    CreateTask::new("do it", RepoConfig::none(), "scenario")
}

pub(crate) async fn launch(engine: &dyn TaskManager, request: CreateTask) -> SessionId {
    let params = TaskLaunchParams::try_from(request).unwrap();
    engine.launch_task(params).await.unwrap().session_ids[0]
}

/// Waits until the session's log has an event that `wanted` accepts, and returns the log so far.
pub(crate) async fn until(
    engine: &dyn TaskManager,
    id: SessionId,
    wanted: impl Fn(&EventPayload) -> bool,
) -> Vec<SessionEvent> {
    let mut log = Vec::new();
    let watch = async {
        let filter = EventFilter::default();
        let mut events = engine
            .task_events_stream(id, EventSeq::START, filter)
            .await
            .unwrap();
        while let Some(item) = events.next().await {
            if let StreamItem::Event(event) = item.unwrap() {
                let done = wanted(&event.payload);
                log.push(event);
                if done {
                    return true;
                }
            }
        }
        false
    };
    match tokio::time::timeout(PATIENCE, watch).await {
        Ok(true) => log,
        Ok(false) => panic!("the log ended without it: {log:#?}"),
        Err(_) => panic!("it did not come: {log:#?}"),
    }
}

pub(crate) async fn until_status(
    engine: &dyn TaskManager,
    id: SessionId,
    status: SessionStatus,
) -> Session {
    until(
        engine,
        id,
        |payload| matches!(payload, EventPayload::Status(change) if change.status == status),
    )
    .await;
    engine.get_session(id).await.unwrap()
}

/// Returns the whole log of an ended session.
pub(crate) async fn whole_log(engine: &dyn TaskManager, id: SessionId) -> Vec<SessionEvent> {
    until(
        engine,
        id,
        |payload| matches!(payload, EventPayload::Status(change) if change.status.is_terminal()),
    )
    .await
}

/// Returns the statuses in a log, in order, and checks that every `seq` occurs once.
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

/// Returns the thoughts in a log, in order.
pub(crate) fn thoughts(log: &[SessionEvent]) -> Vec<&str> {
    log.iter()
        .filter_map(|event| match &event.payload {
            EventPayload::Thought(thought) => Some(thought.thought.as_str()),
            _ => None,
        })
        .collect()
}
