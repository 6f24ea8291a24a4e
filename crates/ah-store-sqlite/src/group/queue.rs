//! Writing the changes of prompts and permission requests of a group.

use ah_rest_api_contract::{PermissionState, PromptState};
use ah_store::{PermissionWrite, PromptWrite, StoreError};
use rusqlite::Connection;

use crate::rows::json_text;
use crate::statement::execute;
use crate::words::Word as _;

/// Writes one change of the prompts of the session with the key `session`. The caller has checked
/// that it is allowed.
pub(super) fn write_prompt(
    connection: &Connection,
    session: i64,
    write: &PromptWrite,
) -> Result<(), StoreError> {
    const WRITE: &str = "write a prompt";
    match write {
        PromptWrite::Enqueue(prompt) => {
            let id = prompt.id.to_string();
            let state = prompt.state.word();
            let created_at = prompt.created_at.as_unix_millis();
            let delivery = prompt.delivery.word();
            let content = json_text(&prompt.content)?;
            execute!(
                connection,
                WRITE,
                "INSERT INTO prompts (session, id, state, created_at, author, delivery, content)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
                session,
                id,
                state,
                created_at,
                prompt.author,
                delivery,
                content
            )
        }
        PromptWrite::Set(id, state) => {
            let id = id.to_string();
            let state = state.word();
            execute!(
                connection,
                WRITE,
                "UPDATE prompts SET state = ?1 WHERE session = ?2 AND id = ?3",
                state,
                session,
                id
            )
        }
        PromptWrite::SetQueued(state) | PromptWrite::SetSent(state) => {
            let state = state.word();
            let before = match write {
                PromptWrite::SetSent(_) => PromptState::Sent,
                _ => PromptState::Queued,
            };
            let before = before.word();
            execute!(
                connection,
                WRITE,
                "UPDATE prompts SET state = ?1 WHERE session = ?2 AND state = ?3",
                state,
                session,
                before
            )
        }
    }
    .map(drop)
}

/// Writes one change of the permission requests of the session with the key `session`. The caller
/// has checked that it is allowed.
pub(super) fn write_permission(
    connection: &Connection,
    session: i64,
    write: &PermissionWrite,
) -> Result<(), StoreError> {
    const WRITE: &str = "write a permission request";
    match write {
        PermissionWrite::Open(permission) => {
            let id = permission.request.request_id.to_string();
            let state = permission.state.word();
            let created_at = permission.created_at.as_unix_millis();
            let request = json_text(&permission.request)?;
            let resolution = permission.resolution.as_ref().map(json_text).transpose()?;
            execute!(
                connection,
                WRITE,
                "INSERT INTO permissions (session, id, state, created_at, request, resolution)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
                session,
                id,
                state,
                created_at,
                request,
                resolution
            )
        }
        PermissionWrite::Answer {
            request_id,
            answer,
            by,
        } => {
            let id = request_id.to_string();
            let state = PermissionState::Answered.word();
            let answer = json_text(answer)?;
            execute!(
                connection,
                WRITE,
                "UPDATE permissions SET state = ?1, answer = ?2, answered_by = ?3
                 WHERE session = ?4 AND id = ?5",
                state,
                answer,
                by,
                session,
                id
            )
        }
        PermissionWrite::Resolve(resolution) => {
            let id = resolution.request_id.to_string();
            let state = PermissionState::Resolved.word();
            let resolution = json_text(resolution)?;
            execute!(
                connection,
                WRITE,
                "UPDATE permissions
                 SET state = ?1, resolution = ?2, answer = NULL, answered_by = NULL
                 WHERE session = ?3 AND id = ?4 AND resolution IS NULL",
                state,
                resolution,
                session,
                id
            )
        }
    }
    .map(drop)
}
