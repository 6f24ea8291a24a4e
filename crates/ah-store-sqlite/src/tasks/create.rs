//! Creating tasks with their sessions, together in one transaction.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    EventSeq, Receipt, RepositorySource, Session, SessionStatus, Timestamp,
};
use ah_store::{Launch, LogPosition, NewEvent, NewTask, StoreError};
use rusqlite::Connection;

use crate::append::append;
use crate::encode::EventText;
use crate::error::inconsistent;
use crate::receipts::rows as receipts;
use crate::repositories::uses::{self, RepositoryUse};
use crate::rows::{SessionBody, json_text};
use crate::statement::execute;
use crate::transaction;
use crate::watch::{self, News};
use crate::words;

const CREATE: &str = "create a task";

/// A task whose rows are encoded, so that the writer only inserts them.
pub(crate) struct PreparedTask {
    id: String,
    request: String,
    created_at: Timestamp,
    sessions: Vec<PreparedSession>,
    repository: Option<RepositoryUse>,
    receipt: Option<Receipt>,
}

/// The columns of a new session that differ between sessions, and its first event.
struct PreparedSession {
    id: String,
    tenant_id: Option<String>,
    project_id: Option<String>,
    agent_type: String,
    agent_version: String,
    priority: i64,
    status: &'static str,
    commit_id: Option<String>,
    created_at: i64,
    updated_at: i64,
    body: String,
    launch: String,
    labels: BTreeMap<String, String>,
    first_event: EventText,
}

impl PreparedSession {
    fn new(session: &Session, launch: &Launch) -> Result<Self, StoreError> {
        let first = NewEvent::queued(session.created_at);
        Ok(Self {
            id: session.id.to_string(),
            tenant_id: session.tenant_id.clone(),
            project_id: session.project_id.clone(),
            agent_type: session.agent.agent_type.as_str().to_owned(),
            agent_version: session.agent.version.clone().unwrap_or_default(),
            priority: words::urgency(session.priority),
            status: SessionStatus::Queued.as_str(),
            commit_id: session.repo.commit.clone(),
            created_at: session.created_at.as_unix_millis(),
            updated_at: session.updated_at.as_unix_millis(),
            body: json_text(&SessionBody::of(session))?,
            launch: json_text(launch)?,
            labels: session.labels.clone(),
            first_event: EventText::new(session.id, &first)?,
        })
    }
}

impl PreparedTask {
    pub(crate) fn new(new: NewTask) -> Result<Self, StoreError> {
        let sessions = new.sessions.iter();
        Ok(Self {
            id: new.task.id.to_string(),
            request: json_text(&new.task.request)?,
            created_at: new.task.created_at,
            sessions: sessions
                .map(|(session, launch)| PreparedSession::new(session, launch))
                .collect::<Result<_, _>>()?,
            repository: repository_of(&new)?,
            receipt: new.receipt,
        })
    }

    /// Returns the approximate size of its rows in bytes.
    pub(crate) fn size(&self) -> usize {
        let sessions = self.sessions.iter();
        let sizes = sessions.map(|session| session.body.len() + session.launch.len());
        self.request.len() + sizes.sum::<usize>()
    }
}

/// Returns the repository of a task. All of its sessions have the same one.
fn repository_of(new: &NewTask) -> Result<Option<RepositoryUse>, StoreError> {
    let source = new
        .sessions
        .first()
        .and_then(|(_, launch)| launch.source.as_deref());
    let (Some(name), Some(source)) = (&new.repository_name, source) else {
        return Ok(None);
    };
    let parsed = RepositorySource::parse(source)
        .map_err(|reason| inconsistent("repositories", "source", new.repository_id, reason))?;
    Ok(Some(RepositoryUse {
        id: new.repository_id,
        address: parsed.without_credentials(),
        source: source.to_owned(),
        display_name: name.clone(),
        at: new.task.created_at,
    }))
}

/// Creates `tasks` in one transaction, each with its sessions, their first events, its repository
/// and its receipt, and announces the new work. A task whose receipt exists is refused alone. Any
/// other error fails all of them, and nothing is done.
pub(crate) fn create(
    connection: &Connection,
    tasks: &[PreparedTask],
) -> Result<(Vec<Result<(), StoreError>>, News), StoreError> {
    let created = attempt(connection, tasks);
    if created.is_err() {
        transaction::roll_back(connection);
    }
    created
}

fn attempt(
    connection: &Connection,
    tasks: &[PreparedTask],
) -> Result<(Vec<Result<(), StoreError>>, News), StoreError> {
    transaction::begin(connection)?;
    let mut news = News::default();
    let mut results = Vec::with_capacity(tasks.len());
    for task in tasks {
        results.push(
            match receipts::keep(connection, task.receipt.as_ref(), task.created_at) {
                Ok(()) => {
                    news.log = insert(connection, task)?.or(news.log);
                    Ok(())
                }
                Err(refusal @ StoreError::AlreadyDone(_)) => Err(refusal),
                Err(error) => return Err(error),
            },
        );
    }
    if results.iter().any(Result::is_ok) {
        news.work = Some(watch::count_up(connection)?);
    }
    transaction::end(connection, CREATE)?;
    Ok((results, news))
}

/// Inserts the rows of a task, and returns the position of its last event.
fn insert(connection: &Connection, task: &PreparedTask) -> Result<Option<LogPosition>, StoreError> {
    if let Some(repository) = &task.repository {
        uses::touch(connection, repository)?;
    }
    let created_at = task.created_at.as_unix_millis();
    execute!(
        connection,
        CREATE,
        "INSERT INTO tasks (id, request, created_at) VALUES (?1, ?2, ?3)",
        task.id,
        task.request,
        created_at
    )?;
    let mut last = None;
    for session in &task.sessions {
        let key = insert_session(connection, &task.id, session)?;
        let seq = EventSeq::START.next();
        last = Some(append(connection, key, seq, &session.first_event)?);
    }
    Ok(last)
}

/// Inserts a session of the task `task`, and returns its key.
fn insert_session(
    connection: &Connection,
    task: &str,
    session: &PreparedSession,
) -> Result<i64, StoreError> {
    execute!(
        connection,
        CREATE,
        "INSERT INTO sessions (
             id, task_id, tenant_id, project_id, agent_type, agent_version, priority, status,
             commit_id, created_at, updated_at, body, launch, last_seq, version, fence,
             interrupt_requested, journal, hidden
         )
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, 1, 0, 0, 0, 0, 0)",
        session.id,
        task,
        session.tenant_id,
        session.project_id,
        session.agent_type,
        session.agent_version,
        session.priority,
        session.status,
        session.commit_id,
        session.created_at,
        session.updated_at,
        session.body,
        session.launch
    )?;
    let key = connection.last_insert_rowid();
    for (name, value) in &session.labels {
        execute!(
            connection,
            CREATE,
            "INSERT INTO session_labels (name, value, session) VALUES (?1, ?2, ?3)",
            name,
            value,
            key
        )?;
    }
    Ok(key)
}
