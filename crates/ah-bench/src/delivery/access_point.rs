//! The subject: an engine in this process and a recorder in its own, with a complete session.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use ah_engine::{EngineConfig, LocalTaskManager};
use ah_rest_api_contract::{
    EventFilter, EventPayload, EventSeq, RepoConfig, SessionStatus, StreamItem, TaskLaunchParams,
    TaskManager,
};
use ah_store_sqlite::SqliteStore;
use anyhow::{Context, bail, ensure};
use futures::StreamExt;

use crate::agent::{self, Pace};
use crate::timed_access_point::start;

/// The time limit of a session besides its lines: provisioning, start and end.
const SESSION_MAX: Duration = Duration::from_secs(30);

/// Returns the latency of each line of an agent to a reader of its session, in microseconds.
pub(crate) async fn micros(folder: &Path, ah: &Path, pace: Pace) -> anyhow::Result<Vec<f64>> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let store = Arc::new(SqliteStore::open(&home.path().join("state.db")).await?);
    let engine = start(
        EngineConfig::new(home.path().to_owned()),
        store,
        ah,
        pace.command_line()?,
    )
    .await?;
    let watched = watch(&engine, pace);
    let limit = SESSION_MAX + pace.duration();
    let took = tokio::time::timeout(limit, watched).await;
    engine.shutdown().await;
    took.context("the session did not end in time")?
}

async fn watch(engine: &LocalTaskManager, pace: Pace) -> anyhow::Result<Vec<f64>> {
    let task = TaskLaunchParams::builder("Print the time", RepoConfig::none(), "scenario")
        .build()
        .map_err(|errors| anyhow::anyhow!("the task is refused: {errors:?}"))?;
    let launched = engine.launch_task(task).await?;
    let session = *launched
        .session_ids
        .first()
        .context("the task has no session")?;
    let mut events = engine
        .task_events_stream(session, EventSeq::START, EventFilter::default())
        .await?;
    let mut took = Vec::new();
    while let Some(item) = events.next().await {
        let StreamItem::Event(event) = item? else {
            continue;
        };
        took.extend(agent::micros_since(&event.payload));
        match event.payload {
            EventPayload::Status(change) if change.status == SessionStatus::Completed => {}
            EventPayload::Status(change) if change.status.is_terminal() => {
                bail!(
                    "the session ended as {:?}: {:?}",
                    change.status,
                    change.reason
                );
            }
            _ => {}
        }
    }
    ensure!(
        took.len() == pace.lines as usize,
        "{} of {} lines came",
        took.len(),
        pace.lines
    );
    Ok(took)
}
