//! Creating tasks with their sessions, together in one transaction.

use ah_rest_api_contract::{
    EventPayload, EventSeq, Receipt, RepositorySource, SessionStatus, StatusChange, Timestamp,
};
use ah_store::{NewEvent, NewTask, StoreError};
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::append::Batch;
use crate::encode::EventText;
use crate::error::{During as _, backend, inconsistent};
use crate::group::roll_back;
use crate::receipts::rows as receipts;
use crate::repositories::uses::{self, RepositoryUse};
use crate::rows::{Reader, SessionBody, json_text, log_position};
use crate::watch::News;
use crate::words;

/// A task whose rows are encoded, so that the writer only inserts them.
pub(crate) struct PreparedTask {
    id: String,
    request: String,
    created_at: Timestamp,
    /// The sessions, each as the JSON object that SQLite reads.
    sessions: Vec<String>,
    /// True if the sessions have labels.
    is_labelled: bool,
    first_events: Vec<EventText>,
    repository: Option<RepositoryUse>,
    receipt: Option<Receipt>,
}

/// The columns of a new session that differ between sessions.
#[derive(Serialize)]
struct NewSession<'a> {
    id: String,
    task_id: &'a str,
    tenant_id: Option<&'a str>,
    project_id: Option<&'a str>,
    agent_type: &'a str,
    agent_version: &'a str,
    priority: i64,
    status: &'static str,
    commit_id: Option<&'a str>,
    created_at: i64,
    updated_at: i64,
    body: String,
    launch: String,
}

impl PreparedTask {
    pub(crate) fn new(new: NewTask) -> Result<Self, StoreError> {
        let id = new.task.id.to_string();
        let mut sessions = Vec::with_capacity(new.sessions.len());
        let mut first_events = Vec::with_capacity(new.sessions.len());
        for (session, launch) in &new.sessions {
            sessions.push(json_text(&NewSession {
                id: session.id.to_string(),
                task_id: &id,
                tenant_id: session.tenant_id.as_deref(),
                project_id: session.project_id.as_deref(),
                agent_type: session.agent.agent_type.as_str(),
                agent_version: &session.agent.version,
                priority: words::urgency(session.priority),
                status: SessionStatus::Queued.as_str(),
                commit_id: session.repo.commit.as_deref(),
                created_at: session.created_at.as_unix_millis(),
                updated_at: session.updated_at.as_unix_millis(),
                body: json_text(&SessionBody::of(session))?,
                launch: json_text(launch)?,
            })?);
            let first = NewEvent {
                ts: session.created_at,
                payload: EventPayload::Status(StatusChange {
                    status: SessionStatus::Queued,
                    previous: None,
                    reason: None,
                    exit_code: None,
                    signal: None,
                }),
            };
            first_events.push(EventText::new(session.id, &first)?);
        }
        Ok(Self {
            id,
            request: json_text(&new.task.request)?,
            created_at: new.task.created_at,
            sessions,
            is_labelled: new.sessions.iter().any(|(it, _)| !it.labels.is_empty()),
            first_events,
            repository: repository_of(&new)?,
            receipt: new.receipt,
        })
    }
}

impl PreparedTask {
    /// Returns the approximate size of its rows in bytes.
    pub(crate) fn size(&self) -> usize {
        self.request.len() + self.sessions.iter().map(String::len).sum::<usize>()
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
///
/// `COMMIT` is sent together with the last rows: a thread hop costs more than the statements.
pub(crate) async fn create(
    connection: &mut SqliteConnection,
    tasks: &[PreparedTask],
) -> Result<(Vec<Result<(), StoreError>>, News), StoreError> {
    let created = attempt(connection, tasks).await;
    if created.is_err() {
        roll_back(connection).await;
    }
    created
}

async fn attempt(
    connection: &mut SqliteConnection,
    tasks: &[PreparedTask],
) -> Result<(Vec<Result<(), StoreError>>, News), StoreError> {
    sqlx::query!("BEGIN IMMEDIATE")
        .execute(&mut *connection)
        .await
        .during("begin a transaction")?;
    let mut results = Vec::with_capacity(tasks.len());
    let mut admitted = Vec::with_capacity(tasks.len());
    for task in tasks {
        match receipts::keep(connection, task.receipt.as_ref(), task.created_at).await {
            Ok(()) => admitted.push(task),
            Err(refusal @ StoreError::AlreadyDone(_)) => {
                results.push(Err(refusal));
                continue;
            }
            Err(error) => return Err(error),
        }
        results.push(Ok(()));
    }
    if admitted.is_empty() {
        roll_back(connection).await;
        return Ok((results, News::default()));
    }
    for task in &admitted {
        if let Some(repository) = &task.repository {
            uses::touch(connection, repository).await?;
        }
    }
    let keys = insert(connection, &admitted).await?;
    for task in admitted.iter().filter(|task| task.is_labelled) {
        label(connection, task).await?;
    }
    let mut batch = Batch::default();
    let first_events = admitted.iter().flat_map(|task| &task.first_events);
    for (key, event) in keys.into_iter().zip(first_events) {
        batch.push(key, EventSeq::START.next(), event);
    }
    let news = finish(connection, &batch).await?;
    Ok((results, news))
}

/// Inserts the tasks and their sessions, and returns the keys of the sessions in their order.
async fn insert(
    connection: &mut SqliteConnection,
    tasks: &[&PreparedTask],
) -> Result<Vec<i64>, StoreError> {
    let rows: Vec<_> = tasks
        .iter()
        .map(|task| (&task.id, &task.request, task.created_at.as_unix_millis()))
        .collect();
    let rows = json_text(&rows)?;
    let sessions: Vec<&str> = tasks
        .iter()
        .flat_map(|task| task.sessions.iter().map(String::as_str))
        .collect();
    let sessions = format!("[{}]", sessions.join(","));
    let mut keys = sqlx::query_scalar!(
        r#"INSERT INTO tasks (id, request, created_at)
           SELECT value ->> 0, value ->> 1, value ->> 2
           FROM json_each($1);
           INSERT INTO sessions (
               id, task_id, tenant_id, project_id, agent_type, agent_version, priority, status,
               commit_id, created_at, updated_at, body, launch, last_seq, version, fence,
               interrupt_requested, journal, hidden
           )
           SELECT
               value ->> 'id', value ->> 'task_id', value ->> 'tenant_id', value ->> 'project_id',
               value ->> 'agent_type', value ->> 'agent_version', value ->> 'priority',
               value ->> 'status', value ->> 'commit_id', value ->> 'created_at',
               value ->> 'updated_at', value ->> 'body', value ->> 'launch', 1, 0, 0, 0, 0, 0
           FROM json_each($2)
           ORDER BY json_each.key
           RETURNING key AS "key!: i64""#,
        rows,
        sessions
    )
    .fetch_all(connection)
    .await
    .during("create sessions")?;
    // Keys grow in the order of insertion; that of returned rows is not specified.
    keys.sort_unstable();
    Ok(keys)
}

/// Inserts the labels of the sessions of a task.
async fn label(connection: &mut SqliteConnection, task: &PreparedTask) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO session_labels (name, value, session)
         SELECT label.key, label.value, sessions.key
         FROM sessions, json_each(sessions.body, '$.labels') AS label
         WHERE sessions.task_id = $1",
        task.id
    )
    .execute(connection)
    .await
    .during("label sessions")?;
    Ok(())
}

/// Appends the first events, counts the new work, and commits.
async fn finish(connection: &mut SqliteConnection, events: &Batch) -> Result<News, StoreError> {
    const CREATE: &str = "create a task";
    let rows = events.rows()?;
    // All rows are fetched, so that all statements are executed.
    let done = sqlx::query!(
        r#"INSERT INTO events (session, seq, ts, type, level, json)
           SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
           FROM json_each($1);
           UPDATE work SET revision = revision + 1
           RETURNING revision AS "revision!: i64", last_insert_rowid() AS "log!: i64";
           COMMIT"#,
        rows
    )
    .fetch_all(connection)
    .await
    .during(CREATE)?;
    let Some(done) = done.first() else {
        return Err(backend(CREATE, "the revision of work is missing"));
    };
    Ok(News {
        log: Some(log_position(done.log)?),
        work: Some(Reader::new("work", "1").number("revision", done.revision)?),
        ..News::default()
    })
}
