//! Sessions: reads, and the write of the group commit.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    BoundedItems, EncodedJson, EncodedPage, Page, PageRequest, Project, Session, SessionId,
    SessionQuery, SessionStatus, SessionView, Timestamp, WorkspaceQuery, WorkspaceStatus,
};
use ah_store::{SessionRecord, SessionWrite, Sessions, StoreError, Written};
use async_trait::async_trait;
use futures::TryStreamExt as _;
use sqlx::{Connection as _, SqliteConnection};

use crate::direct::is_unfiltered;
use crate::error::During as _;
use crate::observe::operation;
use crate::rows::{Reader, SessionRow, json_text, stored};
use crate::store::SqliteStore;

#[async_trait]
impl Sessions for SqliteStore {
    async fn session(&self, id: SessionId) -> Result<SessionRecord, StoreError> {
        self.direct.session(id).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
        if is_unfiltered(query) {
            return self.direct.sessions(query).await;
        }
        operation("list sessions", async {
            list(&mut *self.reader().await?, query).await
        })
        .await
    }

    async fn encoded_session(&self, id: SessionId) -> Result<EncodedJson, StoreError> {
        self.encoded
            .session(id, async || {
                let session = self.session(id).await?.session;
                EncodedJson::of(&session).during("encode a session")
            })
            .await
    }

    async fn encoded_sessions(&self, query: &SessionQuery) -> Result<EncodedPage, StoreError> {
        self.encoded
            .page(query, async || {
                let page = self.list_sessions(query).await?;
                EncodedPage::of(&page).during("encode a page of sessions")
            })
            .await
    }

    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, StoreError> {
        operation("count sessions", async {
            counts(&mut *self.reader().await?).await
        })
        .await
    }

    async fn list_projects(&self, page: PageRequest) -> Result<Page<Project>, StoreError> {
        operation("list projects", async {
            projects(&mut *self.reader().await?, page).await
        })
        .await
    }

    async fn list_with_workspaces(
        &self,
        query: &WorkspaceQuery,
    ) -> Result<Page<Session>, StoreError> {
        operation("list workspaces", async {
            with_workspaces(&mut *self.reader().await?, query).await
        })
        .await
    }

    async fn write(&self, write: SessionWrite) -> Result<Written, StoreError> {
        self.writer.write(write).await
    }
}

/// Returns a page of projects. The index of the lists of sessions has all of it.
async fn projects(
    connection: &mut SqliteConnection,
    page: PageRequest,
) -> Result<Page<Project>, StoreError> {
    const LIST: &str = "list projects";
    let mut snapshot = connection.begin().await.during(LIST)?;
    let total =
        sqlx::query_scalar!(r#"SELECT count(DISTINCT project_id) AS "total!: i64" FROM sessions"#)
            .fetch_one(&mut *snapshot)
            .await
            .during(LIST)?;
    let limit = page.per_page();
    let offset = stored(page.offset())?;
    let found = sqlx::query!(
        r#"SELECT project_id AS "id!: String", max(created_at) AS "last_used_at!: i64"
           FROM sessions
           WHERE project_id IS NOT NULL
           GROUP BY project_id
           ORDER BY 2 DESC, 1
           LIMIT $1 OFFSET $2"#,
        limit,
        offset
    )
    .fetch_all(&mut *snapshot)
    .await
    .during(LIST)?;
    snapshot.commit().await.during(LIST)?;
    let items = found
        .into_iter()
        .map(|row| {
            let reader = Reader::new("sessions", &row.id);
            let last_used_at = reader.moment("created_at", row.last_used_at)?;
            Ok(Project::new(row.id.clone(), last_used_at))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    let total = Reader::new("sessions", "").number("project_id", total)?;
    Ok(Page::new(items, total, page))
}

/// Returns a page, in two statements. The first counts the sessions and finds the keys of the
/// page; the second reads the costly columns of those keys only.
async fn list(
    connection: &mut SqliteConnection,
    query: &SessionQuery,
) -> Result<Page<Session>, StoreError> {
    let mut snapshot = connection.begin().await.during("list sessions")?;
    let page = page_keys(&mut snapshot, query).await?;
    let items = sessions_of(&mut snapshot, &page, query.view).await?;
    snapshot.commit().await.during("list sessions")?;
    let total = Reader::new("sessions", "").number("key", page.total)?;
    Ok(Page::new(items, total, query.page))
}

/// Returns a page of the sessions with a workspace, in two statements as for [`list`].
async fn with_workspaces(
    connection: &mut SqliteConnection,
    query: &WorkspaceQuery,
) -> Result<Page<Session>, StoreError> {
    const LIST: &str = "list workspaces";
    let mut snapshot = connection.begin().await.during(LIST)?;
    let active = query.wants(WorkspaceStatus::Active);
    let kept = query.wants(WorkspaceStatus::Kept);
    let limit = query.page.per_page();
    let offset = stored(query.page.offset())?;
    let page = sqlx::query_as!(
        PageKeys,
        r#"WITH wanted AS NOT MATERIALIZED (
             SELECT key, created_at FROM sessions
             WHERE workspace IS NOT NULL AND NOT hidden AND status <> 'cancelled'
             AND iif(status IN ('stopped', 'completed', 'failed'), $1, $2)
         )
         SELECT
             (SELECT count(*) FROM wanted) AS "total!: i64",
             (SELECT json_group_array(key)
              FROM (SELECT key FROM wanted ORDER BY created_at DESC, key DESC LIMIT $3 OFFSET $4)
             ) AS "keys!: String""#,
        kept,
        active,
        limit,
        offset
    )
    .fetch_one(&mut *snapshot)
    .await
    .during(LIST)?;
    // Nothing of the large parts is needed.
    let items = sessions_of(&mut snapshot, &page, SessionView::Summary).await?;
    snapshot.commit().await.during(LIST)?;
    let total = Reader::new("sessions", "").number("key", page.total)?;
    Ok(Page::new(items, total, query.page))
}

/// Returns the sessions of a page, in its order and bounded in bytes.
async fn sessions_of(
    connection: &mut SqliteConnection,
    page: &PageKeys,
    view: SessionView,
) -> Result<Vec<Session>, StoreError> {
    let mut items = BoundedItems::default();
    let mut rows = sqlx::query_as!(
        SessionRow,
        r#"SELECT id, task_id, tenant_id, project_id, agent_type, agent_version, priority, status,
                  activity, reason, exit_code, commit_id, workspace, changes, usage, created_at,
                  updated_at, started_at, ended_at, body, launch, last_seq, version, fence, owner,
                  ending, interrupt_requested, last_turn, agent_session_id, journal, hidden,
                  recent_events AS "recent_events!: String", last_message
           FROM (SELECT key AS place, value AS wanted FROM json_each($1)) AS page
           JOIN session_records ON session_records.key = page.wanted
           ORDER BY page.place"#,
        page.keys
    )
    .fetch(connection);
    while let Some(row) = rows.try_next().await.during("list sessions")? {
        items.push(row.into_session()?.viewed_as(view));
    }
    Ok(items.into_items())
}

/// Counts the sessions of each status, from the index by status alone.
async fn counts(
    connection: &mut SqliteConnection,
) -> Result<BTreeMap<SessionStatus, u64>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT status, count(*) AS "sessions!: i64" FROM sessions GROUP BY status"#
    )
    .fetch_all(connection)
    .await
    .during("count sessions")?;
    let read = Reader::new("sessions", "");
    rows.into_iter()
        .map(|row| {
            Ok((
                read.word("status", &row.status)?,
                read.number("key", row.sessions)?,
            ))
        })
        .collect()
}

/// The length of a list, and the keys of one page.
struct PageKeys {
    total: i64,
    /// A JSON array, in order.
    keys: String,
}

async fn page_keys(
    connection: &mut SqliteConnection,
    query: &SessionQuery,
) -> Result<PageKeys, StoreError> {
    let statuses = (!query.statuses.is_empty())
        .then(|| json_text(&query.statuses))
        .transpose()?;
    let cancelled_too =
        query.include_archived || query.statuses.contains(&SessionStatus::Cancelled);
    let agent = query.agent.as_ref().map(|agent| agent.as_str());
    let task = query.task_id.map(|id| id.to_string());
    let labels = (!query.labels.is_empty())
        .then(|| json_text(&query.labels))
        .transpose()?;
    let labels_count = stored(query.labels.len() as u64)?;
    let after = query.created_after.map(Timestamp::as_unix_millis);
    let before = query.created_before.map(Timestamp::as_unix_millis);
    let limit = query.page.per_page();
    let offset = stored(query.page.offset())?;
    sqlx::query_as!(
        PageKeys,
        r#"WITH wanted AS NOT MATERIALIZED (
             SELECT key, created_at FROM sessions
             WHERE ($1 IS NULL OR status IN (SELECT value FROM json_each($1)))
             AND ($2 IS NULL OR agent_type = $2)
             AND ($3 IS NULL OR project_id = $3)
             AND ($4 IS NULL OR tenant_id = $4)
             AND ($5 IS NULL OR task_id = $5)
             AND ($12 IS NULL OR created_at >= $12)
             AND ($13 IS NULL OR created_at < $13)
             AND ($14 IS NULL OR json_extract(body, '$.repoUrl') = $14)
             AND ($10 IS NULL OR key IN (
                 SELECT found.session
                 FROM json_each($10) AS wanted
                 JOIN session_labels AS found
                 ON found.name = wanted.key AND found.value = wanted.value
                 GROUP BY found.session
                 HAVING count(*) = $11
             ))
             AND iif(status = 'cancelled', $6, $7 OR NOT hidden)
         )
         SELECT
             (SELECT count(*) FROM wanted) AS "total!: i64",
             (SELECT json_group_array(key)
              FROM (SELECT key FROM wanted ORDER BY created_at DESC, key DESC LIMIT $8 OFFSET $9)
             ) AS "keys!: String""#,
        statuses,
        agent,
        query.project_id,
        query.tenant_id,
        task,
        cancelled_too,
        query.include_archived,
        limit,
        offset,
        labels,
        labels_count,
        after,
        before,
        query.repository
    )
    .fetch_one(connection)
    .await
    .during("list sessions")
}
