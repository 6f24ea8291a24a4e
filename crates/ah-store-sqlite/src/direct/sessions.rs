//! Reads of sessions.

use ah_rest_api_contract::{BoundedItems, Page, Session, SessionId, SessionQuery};
use ah_store::{SessionRecord, StoreError};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use super::{Direct, snapshot};
use crate::error::{During as _, not_found};
use crate::rows::{Reader, SessionRow, stored};

/// Declares a statement that selects the columns of a [`SessionRow`], in their order.
macro_rules! select {
    ($from:literal) => {
        concat!(
            "SELECT id, task_id, tenant_id, project_id, agent_type, agent_version, priority,
                    status, activity, reason, exit_code, commit_id, workspace, changes, usage,
                    created_at, updated_at, started_at, ended_at, body, launch, last_seq, version,
                    fence, owner, ending, interrupt_requested, last_turn, agent_session_id, journal,
                    hidden, recent_events, last_message ",
            $from
        )
    };
}

impl Direct {
    /// Returns the session `id`.
    pub(crate) async fn session(&self, id: SessionId) -> Result<SessionRecord, StoreError> {
        self.read("read a session", |connection| session(connection, id))
            .await
    }

    /// Returns a page of the list that [`is_unfiltered`].
    pub(crate) async fn sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
        self.read("list sessions", |connection| {
            snapshot(connection, || list(connection, query))
        })
        .await
    }
}

/// Returns true if the only condition on the list is that of archived sessions. Its length is then
/// that of the table without the few sessions that are left out.
pub(crate) fn is_unfiltered(query: &SessionQuery) -> bool {
    *query
        == SessionQuery {
            include_archived: query.include_archived,
            view: query.view,
            page: query.page,
            ..SessionQuery::default()
        }
}

/// Returns the session `id`.
pub(crate) fn session(connection: &Connection, id: SessionId) -> Result<SessionRecord, StoreError> {
    const READ: &str = "read a session";
    connection
        .prepare_cached(select!("FROM session_records WHERE id = ?1"))
        .during(READ)?
        .query_row([id.to_string()], session_row)
        .optional()
        .during(READ)?
        .ok_or_else(|| not_found("session", id))?
        .into_record()
}

/// Returns a page, in two statements. The first counts the sessions and finds the keys of the
/// page, both in indexes; the second reads the rows of those keys only.
fn list(connection: &Connection, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
    const LIST: &str = "list sessions";
    let offset = stored(query.page.offset())?;
    let (total, keys): (i64, String) = connection
        .prepare_cached(
            "SELECT
                 (SELECT count(*) FROM sessions) - iif(
                     ?1, 0, (SELECT count(*) FROM sessions WHERE hidden OR status = 'cancelled')
                 ),
                 (SELECT json_group_array(key)
                  FROM (
                      SELECT key FROM sessions
                      WHERE ?1 OR NOT (hidden OR status = 'cancelled')
                      ORDER BY created_at DESC, key DESC LIMIT ?2 OFFSET ?3
                  ))",
        )
        .during(LIST)?
        .query_row(
            params![query.include_archived, query.page.per_page(), offset],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .during(LIST)?;
    let mut items = BoundedItems::default();
    let mut statement = connection
        .prepare_cached(select!(
            "FROM (SELECT key AS place, value AS wanted FROM json_each(?1)) AS page
             JOIN session_records ON session_records.key = page.wanted
             ORDER BY page.place"
        ))
        .during(LIST)?;
    for row in statement.query_map([keys], session_row).during(LIST)? {
        items.push(row.during(LIST)?.into_session()?.viewed_as(query.view));
    }
    let items = items.into_items();
    let total = Reader::new("sessions", "").number("key", total)?;
    Ok(Page::new(items, total, query.page))
}

/// Reads the columns of `select!`.
fn session_row(row: &Row<'_>) -> rusqlite::Result<SessionRow> {
    Ok(SessionRow {
        id: row.get(0)?,
        task_id: row.get(1)?,
        tenant_id: row.get(2)?,
        project_id: row.get(3)?,
        agent_type: row.get(4)?,
        agent_version: row.get(5)?,
        priority: row.get(6)?,
        status: row.get(7)?,
        activity: row.get(8)?,
        reason: row.get(9)?,
        exit_code: row.get(10)?,
        commit_id: row.get(11)?,
        workspace: row.get(12)?,
        changes: row.get(13)?,
        usage: row.get(14)?,
        created_at: row.get(15)?,
        updated_at: row.get(16)?,
        started_at: row.get(17)?,
        ended_at: row.get(18)?,
        body: row.get(19)?,
        launch: row.get(20)?,
        last_seq: row.get(21)?,
        version: row.get(22)?,
        fence: row.get(23)?,
        owner: row.get(24)?,
        ending: row.get(25)?,
        interrupt_requested: row.get(26)?,
        last_turn: row.get(27)?,
        agent_session_id: row.get(28)?,
        journal: row.get(29)?,
        hidden: row.get(30)?,
        recent_events: row.get(31)?,
        last_message: row.get(32)?,
    })
}
