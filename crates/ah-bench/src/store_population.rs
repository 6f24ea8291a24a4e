//! Sessions that populate a store.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use ah_rest_api_contract::{
    AgentType, ChangeSummary, CreateTask, EventPayload, ExecutorId, Log, LogLevel, RepoConfig,
    RepositoryId, Session, SessionAgent, SessionId, SessionStatus, SessionWorkspace, StatusChange,
    Task, TaskId, Thought, Timestamp, Usage, WorkspaceProvider,
};
use ah_store::{
    Guard, Launch, NewEvent, NewTask, SessionPatch, SessionWrite, Sessions as _, Store,
};
use ah_store_sqlite::SqliteStore;
use anyhow::Context;
use futures::{StreamExt, TryStreamExt, stream};
use tempfile::TempDir;
use ulid::Ulid;

/// The time of all events, which a store does not interpret.
pub(crate) const MOMENT: Timestamp = Timestamp::MAX;

/// The number of events of each session of a [`Home`] besides those of its status.
const EVENTS: u64 = 20;
/// The number of concurrent writes for a [`Home`], and the number of tasks in each.
const AT_ONCE: usize = 64;
const SESSIONS_A_TASK: usize = 4;

/// A state folder with ended sessions, as after months of use.
pub(crate) struct Home {
    folder: TempDir,
    sessions: Vec<SessionId>,
}

impl Home {
    /// Creates a folder with `count` sessions.
    pub(crate) async fn populated(folder: &Path, count: usize) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir_in(folder).context("failed to make a folder")?;
        let store = SqliteStore::open(&folder.path().join("state.db")).await?;
        let numbers: Vec<usize> = (0..count).collect();
        let tasks = numbers.chunks(SESSIONS_A_TASK).enumerate();
        let sessions: Vec<Vec<SessionId>> = stream::iter(tasks)
            .map(|(task, sessions)| past_task(&store, task, sessions.len()))
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        store.close().await;
        Ok(Self {
            folder,
            sessions: sessions.concat(),
        })
    }

    /// Returns the state folder.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the sessions, oldest first.
    pub(crate) fn sessions(&self) -> &[SessionId] {
        &self.sessions
    }
}

/// Creates the task of this number with ended sessions.
async fn past_task(
    store: &SqliteStore,
    number: usize,
    count: usize,
) -> anyhow::Result<Vec<SessionId>> {
    let created_at = Timestamp::from_unix_millis(0).plus(Duration::from_secs(600 * number as u64));
    let ids = create_task(store, number, count, created_at).await?;
    for &id in &ids {
        store.write(whole_life(id, created_at)).await?;
    }
    Ok(ids)
}

/// Returns the events and the end of a session, as one write.
fn whole_life(id: SessionId, created_at: Timestamp) -> SessionWrite {
    let at = |second| created_at.plus(Duration::from_secs(second));
    let status =
        |status, previous| EventPayload::Status(StatusChange::new(status).with_previous(previous));
    let events = (0..EVENTS).map(|number| {
        let text = format!("step {number}: the tests of the scheduler are green again");
        if number % 2 == 0 {
            EventPayload::Thought(Thought::new(text))
        } else {
            EventPayload::Log(Log::new(LogLevel::Info, text))
        }
    });
    let payloads = [status(SessionStatus::Running, SessionStatus::Queued)]
        .into_iter()
        .chain(events)
        .chain([status(SessionStatus::Completed, SessionStatus::Running)]);
    let mut write = SessionWrite::new(id, Guard::default(), at(EVENTS + 2));
    write.events = payloads
        .zip(1..)
        .map(|(payload, second)| NewEvent {
            ts: at(second),
            payload,
        })
        .collect();
    write.patch = SessionPatch {
        status: Some(SessionStatus::Completed),
        exit_code: Some(0),
        workspace: Some(Some(
            SessionWorkspace::new(
                WorkspaceProvider::Worktree,
                format!("/srv/agent-harbor/worktrees/{id}"),
                ExecutorId::local(),
            )
            .with_branch(format!("ah/{id}")),
        )),
        commit: Some("9fceb02d0ae598e95dc970b74767f19372d61af8".to_owned()),
        started_at: Some(at(1)),
        ended_at: Some(at(EVENTS + 2)),
        changes: Some(ChangeSummary {
            files_changed: 7,
            lines_added: 212,
            lines_removed: 48,
        }),
        usage: Some(Usage {
            input_tokens: 48_112,
            output_tokens: 3_907,
            cached_tokens: Some(40_960),
            cost_usd: Some(0.31),
            context_used: Some(52_019),
            context_size: Some(200_000),
            model: Some("a-model".to_owned()),
        }),
        ..SessionPatch::default()
    };
    write
}

/// Creates a task of `count` sessions and returns their ids.
pub(crate) async fn create_sessions(
    store: &dyn Store,
    count: usize,
) -> anyhow::Result<Vec<SessionId>> {
    create_task(store, 0, count, MOMENT).await
}

/// Creates the task of this number, with its sessions.
async fn create_task(
    store: &dyn Store,
    number: usize,
    count: usize,
    created_at: Timestamp,
) -> anyhow::Result<Vec<SessionId>> {
    let number = number as u64 + 1;
    let task_id = TaskId::from_ulid(Ulid::from_parts(number, 0));
    let request = CreateTask::new("measure", RepoConfig::none(), "scenario");
    let ids: Vec<SessionId> = (1..=count)
        .map(|session| SessionId::from_ulid(Ulid::from_parts(number, session as u128)))
        .collect();
    let sessions = ids.iter();
    store
        .create_task(NewTask {
            task: Task::new(task_id, request.clone(), ids.clone(), created_at),
            sessions: sessions
                .map(|&id| (session(id, task_id, created_at), Launch::new("bench")))
                .collect(),
            repository_id: RepositoryId::from_ulid(Ulid::from_parts(0, 1)),
            repository_name: None,
            receipt: None,
        })
        .await?;
    Ok(ids)
}

fn session(id: SessionId, task_id: TaskId, created_at: Timestamp) -> Session {
    let prompt = "Find out why the scheduler starts a session twice when two engines wake at \
                  once, write a test that shows it, and mend it.";
    let agent = SessionAgent::new(AgentType::new("scenario")).with_version("1");
    let mut session = Session::new(id, task_id, agent, prompt.into(), created_at);
    session.labels = BTreeMap::from([("team".to_owned(), "harbor".to_owned())]);
    session
}
