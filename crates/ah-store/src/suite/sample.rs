//! Tasks, events and times for the cases.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use ah_rest_api_contract::{
    AgentType, CreateTask, EventPayload, FileEdit, Log, LogLevel, Page, Prompt, RepoConfig,
    RepositoryId, Session, SessionAgent, SessionId, SessionStatus, StatusChange, Task, TaskId,
    Thought, Timestamp, ToolOutcome, ToolResult, ToolUse,
};
use serde_json::Map;
use ulid::Ulid;

use crate::{EngineId, Launch, Lease, NewEvent, NewTask, PermissionRecord, Store};

/// Returns a unique ULID. ULIDs sort in the order of the calls.
pub fn ulid() -> Ulid {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    Ulid::from_parts(next, u128::from(next))
}

/// Returns a time `seconds` after an arbitrary one.
#[must_use]
pub fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_millis(1_800_000_000_000 + seconds * 1000)
}

/// Returns all prompts of a session.
pub async fn prompts(store: &dyn Store, id: SessionId) -> Vec<Prompt> {
    let all = Page::all(|page| store.list_prompts(id, page)).await;
    all.unwrap().items
}

/// Returns all permission requests of a session.
pub async fn permissions(store: &dyn Store, id: SessionId) -> Vec<PermissionRecord> {
    let all = Page::all(|page| store.list_permissions(id, page)).await;
    all.unwrap().items
}

/// Returns a lease of `engine` that ends at `expires_at`.
#[must_use]
pub fn lease(engine: &str, expires_at: Timestamp) -> Lease {
    Lease {
        engine: EngineId(engine.to_owned()),
        expires_at,
    }
}

/// Returns a task of `sessions` sessions without a repository, created at `created_at`.
#[must_use]
pub fn task(sessions: usize, created_at: Timestamp) -> NewTask {
    let id = TaskId::from_ulid(ulid());
    let request = CreateTask::new("Do it.", RepoConfig::none(), "scenario");
    let sessions: Vec<_> = (0..sessions)
        .map(|_| (session(id, created_at), launch()))
        .collect();
    let session_ids = sessions.iter().map(|(session, _)| session.id).collect();
    NewTask {
        task: Task::new(id, request, session_ids, created_at),
        sessions,
        repository_id: RepositoryId::from_ulid(ulid()),
        repository_name: None,
        receipt: None,
    }
}

fn session(task_id: TaskId, created_at: Timestamp) -> Session {
    let id = SessionId::from_ulid(ulid());
    let agent = SessionAgent::new(AgentType::new("scenario")).with_version("1");
    Session::new(id, task_id, agent, "Do it.".into(), created_at)
}

/// Returns launch parameters without special settings.
#[must_use]
pub fn launch() -> Launch {
    let mut launch = Launch::new("author");
    launch.env = BTreeMap::from([("TOKEN".to_owned(), "secret".to_owned())]);
    launch.timeout_ms = Some(60_000);
    launch
}

/// Creates a task of one session at `at(0)` and returns the id of the session.
pub async fn one_session(store: &dyn Store) -> SessionId {
    sessions(store, 1).await[0]
}

/// Creates a task of `count` sessions at `at(0)` and returns their ids.
pub async fn sessions(store: &dyn Store, count: usize) -> Vec<SessionId> {
    let task = task(count, at(0));
    let ids = task.task.session_ids.clone();
    store.create_task(task).await.unwrap();
    ids
}

/// Returns a log line.
#[must_use]
pub fn log(level: LogLevel, message: &str) -> EventPayload {
    EventPayload::Log(Log::new(level, message.to_owned()))
}

/// Returns a thought.
#[must_use]
pub fn thought(thought: &str) -> EventPayload {
    EventPayload::Thought(Thought::new(thought.to_owned()))
}

/// Returns the start of a tool run.
#[must_use]
pub fn tool_use(id: &str) -> EventPayload {
    EventPayload::ToolUse(ToolUse::new(id.to_owned(), "shell", Map::new()))
}

/// Returns the end of a tool run.
#[must_use]
pub fn tool_result(id: &str) -> EventPayload {
    EventPayload::ToolResult(
        ToolResult::new(id.to_owned(), "shell", ToolOutcome::Completed, "done").with_exit_code(0),
    )
}

/// Returns an edit of a file.
#[must_use]
pub fn file_edit(path: &str) -> EventPayload {
    EventPayload::FileEdit(FileEdit::new(path.to_owned(), 2, 1))
}

/// Returns a change of status.
#[must_use]
pub fn status(previous: SessionStatus, status: SessionStatus) -> EventPayload {
    EventPayload::Status(StatusChange::new(status).with_previous(previous))
}

/// Returns an event at `at(seconds)`.
#[must_use]
pub fn event(seconds: i64, payload: EventPayload) -> NewEvent {
    NewEvent {
        ts: at(seconds),
        payload,
    }
}
