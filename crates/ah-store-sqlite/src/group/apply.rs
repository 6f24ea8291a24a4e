//! Writing the changes of the admitted writes of a group.

use ah_store::{JournalPosition, LogPosition, SessionPatch, StoreError};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::decide::{Decisions, SessionState};
use super::queue;
use super::returned::Returned;
use crate::append::Batch;
use crate::attachments;
use crate::error::During as _;
use crate::receipts::rows as receipt_rows;
use crate::rows::json_text;
use crate::watch::{self, News};

impl<'a> Decisions<'a> {
    /// Writes the changes and commits the transaction. Also returns the sessions that the writes
    /// return.
    pub(super) async fn commit(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<(News, Returned<'a>), StoreError> {
        let mut heads = Vec::new();
        let mut plain = Vec::new();
        let mut patched = Vec::new();
        let mut ended = Vec::new();
        let mut discarded = Vec::new();
        for (id, session) in self.changed() {
            if session.is_ended {
                ended.push(session.key);
            }
            if session.is_discarded() {
                discarded.push(session.key);
            }
            heads.push((id, session.head()));
            match Update::of(session) {
                Update::Plain(moved) => plain.push(moved),
                Update::Patched(fields) => patched.push(fields),
            }
        }
        if !patched.is_empty() {
            patch_sessions(connection, &patched).await?;
        }
        let mut erased = !ended.is_empty() && erase_environments(connection, &ended).await?;
        for (session, part) in &self.attachments {
            attachments::put(connection, *session, part).await?;
        }
        if !discarded.is_empty() {
            erased |= attachments::erase(connection, &discarded).await?;
        }
        for (session, write) in &self.prompts {
            queue::write_prompt(connection, *session, write).await?;
        }
        for (session, write) in &self.permissions {
            queue::write_permission(connection, *session, write).await?;
        }
        if !self.receipts.is_empty() {
            receipt_rows::put(connection, &self.receipts).await?;
        }
        let work = if self.work {
            Some(watch::count_up(connection).await?)
        } else {
            None
        };
        let (log, returned) = if self.returns.is_empty() {
            let log = append_and_commit(connection, &self.batch, &plain).await?;
            (log, Returned::default())
        } else {
            let log = append(connection, &self.batch, &plain).await?;
            let returned = Returned::read(connection, &self.returns).await?;
            receipt_rows::put(connection, &returned.receipts()).await?;
            end(connection).await?;
            (log, returned)
        };
        let news = News {
            heads,
            log,
            work,
            erased,
        };
        Ok((news, returned))
    }
}

/// The update of a session. Most writes change no field but the journal position, and reading a
/// patch in SQL costs more than the rest of the statement.
enum Update<'a> {
    Plain(Moved),
    Patched(Patched<'a>),
}

/// Key, last seq, version, updated at and journal, in the order of the JSON array that SQLite
/// reads.
type Moved = (i64, i64, i64, Option<i64>, Option<JournalPosition>);

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

impl<'a> Update<'a> {
    fn of(session: &'a SessionState) -> Self {
        let patch = &session.patch;
        let plain = SessionPatch {
            journal: patch.journal,
            ..SessionPatch::default()
        };
        if *patch == plain {
            return Self::Plain((
                session.key,
                session.last_seq,
                session.version,
                session.updated_at,
                patch.journal,
            ));
        }
        Self::Patched(Patched {
            key: session.key,
            last_seq: session.last_seq,
            version: session.version,
            updated_at: session.updated_at,
            ended: session.is_ended,
            patch,
        })
    }
}

/// Declares a function that appends the events, moves the heads of the sessions that are not
/// patched, and runs the statement `$last`. The function returns the position of the last event.
macro_rules! append {
    ($(#[$attribute:meta])* $name:ident, $last:literal) => {
        $(#[$attribute])*
        async fn $name(
            connection: &mut SqliteConnection,
            events: &Batch,
            moved: &[Moved],
        ) -> Result<Option<LogPosition>, StoreError> {
            let rows = events.rows()?;
            let moved = json_text(moved)?;
            let done = sqlx::query!(
                "INSERT INTO events (session, seq, ts, type, level, json)
         SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5
         FROM json_each($1);
         UPDATE sessions
         SET last_seq = moved.value ->> 1, version = moved.value ->> 2,
             updated_at = coalesce(max(updated_at, moved.value ->> 3), updated_at),
             journal = coalesce(moved.value ->> 4, journal)
         FROM json_each($2) AS moved
         WHERE sessions.key = moved.value ->> 0"
                    + $last,
                rows,
                moved
            )
            .execute(connection)
            .await
            .during("commit a group of writes")?;
            events.last(&done)
        }
    };
}

append!(append_and_commit, ";\n         COMMIT");
append!(
    /// Leaves the transaction open, for reads of its result.
    append,
    ""
);

async fn end(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    sqlx::query!("COMMIT")
        .execute(connection)
        .await
        .during("commit a group of writes")?;
    Ok(())
}

async fn patch_sessions(
    connection: &mut SqliteConnection,
    patched: &[Patched<'_>],
) -> Result<(), StoreError> {
    let patched = json_text(patched)?;
    // `json_type` is 'null' for a field to clear and NULL for a field to keep.
    sqlx::query!(
        "UPDATE sessions
         SET last_seq = new.value ->> 'last_seq',
             version = new.value ->> 'version',
             updated_at = coalesce(max(updated_at, new.value ->> 'updated_at'), updated_at),
             status = coalesce(new.value ->> 'status', status),
             activity = iif(json_type(new.value, '$.activity') IS NULL,
                            activity, new.value ->> 'activity'),
             reason = iif(json_type(new.value, '$.reason') IS NULL,
                          reason, new.value ->> 'reason'),
             exit_code = coalesce(new.value ->> 'exit_code', exit_code),
             ending = coalesce(new.value ->> 'ending', ending),
             interrupt_requested =
                 coalesce(new.value ->> 'interrupt_requested', interrupt_requested),
             last_turn = iif(json_type(new.value, '$.last_turn') IS NULL,
                             last_turn, new.value ->> 'last_turn'),
             workspace = iif(json_type(new.value, '$.workspace') IS NULL,
                             workspace, new.value ->> 'workspace'),
             commit_id = coalesce(new.value ->> 'commit', commit_id),
             agent_version = coalesce(new.value ->> 'agent_version', agent_version),
             agent_session_id = coalesce(new.value ->> 'agent_session_id', agent_session_id),
             started_at = coalesce(new.value ->> 'started_at', started_at),
             ended_at = coalesce(new.value ->> 'ended_at', ended_at),
             changes = coalesce(new.value ->> 'changes', changes),
             usage = coalesce(new.value ->> 'usage', usage),
             journal = coalesce(new.value ->> 'journal', journal),
             hidden = coalesce(new.value ->> 'hidden', hidden),
             owner = iif(new.value ->> 'ended', NULL, owner),
             lease_expires_at = iif(new.value ->> 'ended', NULL, lease_expires_at)
         FROM json_each($1) AS new
         WHERE sessions.key = new.value ->> 'key'",
        patched
    )
    .execute(connection)
    .await
    .during("change sessions")?;
    Ok(())
}

/// Erases the environments of the agents of ended sessions, which may hold secrets. Returns true
/// if there were any.
async fn erase_environments(
    connection: &mut SqliteConnection,
    ended: &[i64],
) -> Result<bool, StoreError> {
    let ended = json_text(ended)?;
    let done = sqlx::query!(
        "UPDATE sessions SET launch = json_remove(launch, '$.env')
         WHERE key IN (SELECT value FROM json_each($1)) AND launch -> '$.env' IS NOT NULL",
        ended
    )
    .execute(connection)
    .await
    .during("erase the environments of agents")?;
    Ok(done.rows_affected() > 0)
}
