//! Reads of the queue of a session.

use ah_rest_api_contract::{PermissionId, Prompt, PromptId, SessionId};
use ah_store::{Pending, PermissionRecord, StoreError};
use rusqlite::{Connection, Row};

use super::log::log_of;
use super::{Direct, snapshot};
use crate::rows::{PermissionRow, PromptRow};
use crate::statement::select;

const READ: &str = "read prompts and permission requests";

impl Direct {
    /// Returns the unsettled prompts and permission requests of a session.
    pub(crate) async fn pending(&self, id: SessionId) -> Result<Pending, StoreError> {
        self.read(READ, |connection| {
            snapshot(connection, || pending(connection, id))
        })
        .await
    }

    /// Returns a prompt of a session, if it has one with this id.
    pub(crate) async fn prompt(
        &self,
        session: SessionId,
        id: PromptId,
    ) -> Result<Option<Prompt>, StoreError> {
        self.read(READ, |connection| {
            let (session, id) = (session.to_string(), id.to_string());
            let found = select!(
                connection,
                READ,
                prompt_row,
                "SELECT id, state, created_at, author, delivery, content
                 FROM prompts
                 WHERE session = (SELECT key FROM sessions WHERE id = ?1) AND id = ?2",
                session,
                id
            )?;
            let found = found.into_iter().next();
            found.map(PromptRow::into_prompt).transpose()
        })
        .await
    }

    /// Returns a permission request of a session, if it has one with this id.
    pub(crate) async fn permission(
        &self,
        session: SessionId,
        id: PermissionId,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        self.read(READ, |connection| {
            let (session, id) = (session.to_string(), id.to_string());
            let found = select!(
                connection,
                READ,
                permission_row,
                "SELECT id, state, created_at, request, answer, answered_by, resolution
                 FROM permissions
                 WHERE session = (SELECT key FROM sessions WHERE id = ?1) AND id = ?2",
                session,
                id
            )?;
            let found = found.into_iter().next();
            found.map(PermissionRow::into_record).transpose()
        })
        .await
    }
}

/// Returns the unsettled rows. Partial indexes hold exactly those, so the cost does not grow with
/// the settled ones.
fn pending(connection: &Connection, id: SessionId) -> Result<Pending, StoreError> {
    let (session, _) = log_of(connection, id)?;
    let prompts = select!(
        connection,
        READ,
        prompt_row,
        "SELECT id, state, created_at, author, delivery, content
         FROM prompts
         WHERE session = ?1
         AND state IN ('queued', 'withdrawn')
         AND (
             state = 'queued'
             OR key > (
                 SELECT coalesce(max(key), 0) FROM prompts
                 WHERE session = ?1 AND state = 'delivered' AND delivery = 'queue'
             )
         )
         ORDER BY key",
        session
    )?;
    let permissions = select!(
        connection,
        READ,
        permission_row,
        "SELECT id, state, created_at, request, answer, answered_by, resolution
         FROM permissions
         WHERE session = ?1 AND state IN ('pending', 'answered')
         ORDER BY key",
        session
    )?;
    Ok(Pending {
        prompts: prompts
            .into_iter()
            .map(PromptRow::into_prompt)
            .collect::<Result<_, _>>()?,
        permissions: permissions
            .into_iter()
            .map(PermissionRow::into_record)
            .collect::<Result<_, _>>()?,
    })
}

fn prompt_row(row: &Row<'_>) -> rusqlite::Result<PromptRow> {
    Ok(PromptRow {
        id: row.get(0)?,
        state: row.get(1)?,
        created_at: row.get(2)?,
        author: row.get(3)?,
        delivery: row.get(4)?,
        content: row.get(5)?,
    })
}

fn permission_row(row: &Row<'_>) -> rusqlite::Result<PermissionRow> {
    Ok(PermissionRow {
        id: row.get(0)?,
        state: row.get(1)?,
        created_at: row.get(2)?,
        request: row.get(3)?,
        answer: row.get(4)?,
        answered_by: row.get(5)?,
        resolution: row.get(6)?,
    })
}
