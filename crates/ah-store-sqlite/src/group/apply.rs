//! Writing the changes of the admitted writes of a group.

use ah_rest_api_contract::RepositorySource;
use ah_store::{SessionPatch, StoreError};
use rusqlite::Connection;
use serde::Serialize;

use super::decide::{Decisions, SessionState};
use super::queue;
use super::returned::Returned;
use crate::append::append;
use crate::attachments;
use crate::error::During as _;
use crate::receipts::rows as receipt_rows;
use crate::rows::{json_text, stored};
use crate::statement::execute;
use crate::watch::{self, News};

impl<'a> Decisions<'a> {
    /// Writes the changes. Also returns the sessions that the writes return.
    pub(super) fn apply(self, connection: &Connection) -> Result<(News, Returned<'a>), StoreError> {
        let mut news = News::default();
        for (session, seq, event) in &self.events {
            news.log = Some(append(connection, *session, *seq, event)?);
        }
        for (id, session) in self.changed() {
            news.heads.push((id, session.head()));
            update(connection, session)?;
            if session.is_ended {
                news.erased |= erase_environment(connection, session.key)?;
                news.erased |= erase_login(connection, session.key)?;
            }
        }
        for (session, part) in &self.attachments {
            attachments::put(connection, *session, part)?;
        }
        for (_, session) in self.changed().filter(|(_, it)| it.is_discarded()) {
            news.erased |= attachments::erase(connection, session.key)?;
        }
        for (session, write) in &self.prompts {
            queue::write_prompt(connection, *session, write)?;
        }
        for (session, write) in &self.permissions {
            queue::write_permission(connection, *session, write)?;
        }
        for receipt in &self.receipts {
            receipt_rows::put(connection, receipt)?;
        }
        if self.work {
            news.work = Some(watch::count_up(connection)?);
        }
        let returned = Returned::read(connection, &self.returns)?;
        for receipt in returned.receipts() {
            receipt_rows::put(connection, receipt)?;
        }
        Ok((news, returned))
    }
}

/// Writes the new state of a session. Most writes change no field but the journal position, and
/// reading a patch in SQL costs more than the rest of the statement.
fn update(connection: &Connection, session: &SessionState) -> Result<(), StoreError> {
    let patch = &session.patch;
    let plain = SessionPatch {
        journal: patch.journal,
        ..SessionPatch::default()
    };
    if *patch != plain {
        return apply_patch(
            connection,
            &Patched {
                key: session.key,
                last_seq: session.last_seq,
                version: session.version,
                updated_at: session.updated_at,
                ended: session.is_ended,
                patch,
            },
        );
    }
    let journal = patch
        .journal
        .map(|position| stored(position.0))
        .transpose()?;
    execute!(
        connection,
        "move the head of a session",
        "UPDATE sessions
         SET last_seq = ?2, version = ?3,
             updated_at = coalesce(max(updated_at, ?4), updated_at),
             journal = coalesce(?5, journal)
         WHERE key = ?1",
        session.key,
        session.last_seq,
        session.version,
        session.updated_at,
        journal
    )
    .map(drop)
}

/// The fields of a session to set, as the JSON object that SQLite reads.
#[derive(Serialize)]
struct Patched<'a> {
    key: i64,
    last_seq: i64,
    version: i64,
    updated_at: Option<i64>,
    /// True if the session has no owner from now on.
    ended: bool,
    #[serde(flatten)]
    patch: &'a SessionPatch,
}

fn apply_patch(connection: &Connection, patched: &Patched<'_>) -> Result<(), StoreError> {
    let patched = json_text(patched)?;
    // `json_type` is 'null' for a field to clear and NULL for a field to keep.
    execute!(
        connection,
        "change a session",
        "UPDATE sessions
         SET last_seq = ?1 ->> 'last_seq',
             version = ?1 ->> 'version',
             updated_at = coalesce(max(updated_at, ?1 ->> 'updated_at'), updated_at),
             status = coalesce(?1 ->> 'status', status),
             activity = iif(json_type(?1, '$.activity') IS NULL,
                            activity, ?1 ->> 'activity'),
             reason = iif(json_type(?1, '$.reason') IS NULL,
                          reason, ?1 ->> 'reason'),
             exit_code = coalesce(?1 ->> 'exit_code', exit_code),
             ending = coalesce(?1 ->> 'ending', ending),
             interrupt_requested =
                 coalesce(?1 ->> 'interrupt_requested', interrupt_requested),
             last_turn = iif(json_type(?1, '$.last_turn') IS NULL,
                             last_turn, ?1 ->> 'last_turn'),
             workspace = iif(json_type(?1, '$.workspace') IS NULL,
                             workspace, ?1 ->> 'workspace'),
             commit_id = coalesce(?1 ->> 'commit', commit_id),
             agent_version = coalesce(?1 ->> 'agent_version', agent_version),
             agent_session_id = coalesce(?1 ->> 'agent_session_id', agent_session_id),
             started_at = coalesce(?1 ->> 'started_at', started_at),
             ended_at = coalesce(?1 ->> 'ended_at', ended_at),
             changes = coalesce(?1 ->> 'changes', changes),
             usage = coalesce(?1 ->> 'usage', usage),
             last_message = coalesce(?1 ->> 'last_message', last_message),
             journal = coalesce(?1 ->> 'journal', journal),
             hidden = coalesce(?1 ->> 'hidden', hidden),
             owner = iif(?1 ->> 'ended', NULL, owner),
             lease_expires_at = iif(?1 ->> 'ended', NULL, lease_expires_at)
         WHERE key = ?1 ->> 'key'",
        patched
    )
    .map(drop)
}

/// Erases the environment of the agent of an ended session, which may hold secrets. Returns true if
/// there was one.
fn erase_environment(connection: &Connection, session: i64) -> Result<bool, StoreError> {
    let changed = execute!(
        connection,
        "erase the environment of an agent",
        "UPDATE sessions SET launch = json_remove(launch, '$.env')
         WHERE key = ?1 AND launch -> '$.env' IS NOT NULL",
        session
    )?;
    Ok(changed > 0)
}

/// Erases the login in the address of the repository of an ended session. The list of repositories
/// keeps it as long as another session may need it. Returns true if there was one.
fn erase_login(connection: &Connection, session: i64) -> Result<bool, StoreError> {
    const ERASE: &str = "erase the login of a repository";
    let source: Option<String> = connection
        .prepare_cached("SELECT launch ->> '$.source' FROM sessions WHERE key = ?1")
        .during(ERASE)?
        .query_row([session], |row| row.get(0))
        .during(ERASE)?;
    let Some(source) = source else {
        return Ok(false);
    };
    let Ok(address) = RepositorySource::parse(&source).map(|it| it.without_credentials()) else {
        return Ok(false);
    };
    if address == source {
        return Ok(false);
    }
    execute!(
        connection,
        ERASE,
        "UPDATE sessions SET launch = json_set(launch, '$.source', ?2) WHERE key = ?1",
        session,
        address
    )?;
    execute!(
        connection,
        ERASE,
        "UPDATE repositories SET source = address
         WHERE source = ?1 AND NOT EXISTS (
             SELECT 1 FROM sessions
             WHERE status NOT IN ('stopped', 'completed', 'failed', 'cancelled')
             AND launch ->> '$.source' = ?1
         )",
        source
    )?;
    Ok(true)
}
