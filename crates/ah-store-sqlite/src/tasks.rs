//! Tasks, and the creation of their sessions.

use ah_rest_api_contract::{
    EventPayload, EventSeq, Receipt, RepositorySource, SessionStatus, StatusChange, Task, TaskId,
    Timestamp,
};
use ah_store::{NewEvent, NewTask, StoreError, Tasks};
use async_trait::async_trait;
use serde::Serialize;
use sqlx::SqliteConnection;

use crate::append::Batch;
use crate::encode::EventText;
use crate::error::{During as _, inconsistent, not_found};
use crate::observe::operation;
use crate::rows::{SessionBody, TaskRow, json_text};
use crate::store::SqliteStore;
use crate::watch::{self, News};
use crate::writer::Tx;
use crate::{receipts, repositories, words};

#[async_trait]
impl Tasks for SqliteStore {
    async fn create_task(&self, task: NewTask) -> Result<(), StoreError> {
        let task = PreparedTask::new(task)?;
        self.writer
            .run("create a task", move |tx| {
                Box::pin(async move { create(tx, &task).await })
            })
            .await
    }

    async fn task(&self, id: TaskId) -> Result<Task, StoreError> {
        operation("read a task", async {
            get(&mut *self.reader().await?, id).await
        })
        .await
    }
}

/// A task whose rows are encoded, so that the writer only inserts them.
struct PreparedTask {
    id: String,
    request: String,
    created_at: Timestamp,
    /// The sessions, as the JSON array that SQLite reads.
    sessions: String,
    /// True if the sessions have labels.
    is_labelled: bool,
    first_events: Vec<EventText>,
    repository: Option<repositories::Use>,
    receipt: Option<Receipt>,
}

/// The columns of a new session that differ between sessions.
#[derive(Serialize)]
struct NewSession<'a> {
    id: String,
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
    fn new(new: NewTask) -> Result<Self, StoreError> {
        let mut sessions = Vec::with_capacity(new.sessions.len());
        let mut first_events = Vec::with_capacity(new.sessions.len());
        for (session, launch) in &new.sessions {
            sessions.push(NewSession {
                id: session.id.to_string(),
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
            });
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
            id: new.task.id.to_string(),
            request: json_text(&new.task.request)?,
            created_at: new.task.created_at,
            sessions: json_text(&sessions)?,
            is_labelled: new.sessions.iter().any(|(it, _)| !it.labels.is_empty()),
            first_events,
            repository: repository_of(&new)?,
            receipt: new.receipt,
        })
    }
}

/// Returns the repository of a task. All of its sessions have the same one.
fn repository_of(new: &NewTask) -> Result<Option<repositories::Use>, StoreError> {
    let source = new
        .sessions
        .first()
        .and_then(|(_, launch)| launch.source.as_deref());
    let (Some(name), Some(source)) = (&new.repository_name, source) else {
        return Ok(None);
    };
    let parsed = RepositorySource::parse(source)
        .map_err(|reason| inconsistent("repositories", "source", new.repository_id, reason))?;
    Ok(Some(repositories::Use {
        id: new.repository_id,
        address: parsed.without_credentials(),
        source: source.to_owned(),
        display_name: name.clone(),
        at: new.task.created_at,
    }))
}

/// Writes the task, its sessions, their first events, its repository and the receipt, and announces
/// the new work.
async fn create(tx: &mut Tx, task: &PreparedTask) -> Result<(), StoreError> {
    receipts::keep(tx, task.receipt.as_ref(), task.created_at).await?;
    if let Some(repository) = &task.repository {
        repositories::touch(tx, repository).await?;
    }
    let created_at = task.created_at.as_unix_millis();
    sqlx::query!(
        "INSERT INTO tasks (id, request, created_at) VALUES ($1, $2, $3)",
        task.id,
        task.request,
        created_at
    )
    .execute(&mut **tx)
    .await
    .during("create a task")?;
    sqlx::query!(
        "INSERT INTO sessions (
             id, task_id, tenant_id, project_id, agent_type, agent_version, priority, status,
             commit_id, created_at, updated_at, body, launch, last_seq, version, fence,
             interrupt_requested, journal, hidden
         )
         SELECT
             value ->> 'id', $1, value ->> 'tenant_id', value ->> 'project_id',
             value ->> 'agent_type', value ->> 'agent_version', value ->> 'priority',
             value ->> 'status', value ->> 'commit_id', value ->> 'created_at',
             value ->> 'updated_at', value ->> 'body', value ->> 'launch', 1, 0, 0, 0, 0, 0
         FROM json_each($2)
         ORDER BY json_each.key",
        task.id,
        task.sessions
    )
    .execute(&mut **tx)
    .await
    .during("create sessions")?;
    let keys = sqlx::query_scalar!(
        "SELECT key FROM sessions WHERE task_id = $1 ORDER BY key",
        task.id
    )
    .fetch_all(&mut **tx)
    .await
    .during("create sessions")?;
    if task.is_labelled {
        sqlx::query!(
            "INSERT INTO session_labels (name, value, session)
             SELECT label.key, label.value, sessions.key
             FROM sessions, json_each(sessions.body, '$.labels') AS label
             WHERE sessions.task_id = $1",
            task.id
        )
        .execute(&mut **tx)
        .await
        .during("label sessions")?;
    }
    let mut batch = Batch::default();
    for (key, event) in keys.into_iter().zip(&task.first_events) {
        batch.push(key, EventSeq::START.next(), event);
    }
    let log = batch.insert(tx).await?;
    let work = watch::count_up(tx).await?;
    tx.announce(News {
        log,
        work: Some(work),
        ..News::default()
    });
    Ok(())
}

async fn get(connection: &mut SqliteConnection, id: TaskId) -> Result<Task, StoreError> {
    let text = id.to_string();
    sqlx::query_as!(
        TaskRow,
        r#"SELECT id, request, created_at,
                  (SELECT json_group_array(id)
                   FROM (SELECT id FROM sessions WHERE task_id = tasks.id ORDER BY key)
                  ) AS "session_ids!: String"
           FROM tasks
           WHERE id = $1"#,
        text
    )
    .fetch_optional(connection)
    .await
    .during("read a task")?
    .ok_or_else(|| not_found("task", id))
    .and_then(TaskRow::into_task)
}
