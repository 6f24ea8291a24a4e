//! Writing what the admitted writes of a group come to.

use ah_rest_api_contract::SessionId;
use ah_store::{Head, LogPosition, SessionPatch, StoreError};
use serde::Serialize;
use sqlx::SqliteConnection;

use super::decide::{Decisions, Standing};
use crate::error::During as _;
use crate::events::Batch;
use crate::rows::{json_text, stored};
use crate::words::Word as _;
use crate::{queue, replies, watch};

/// What was committed.
pub(super) struct Applied {
    /// Where the sessions that have changed stand.
    pub(super) heads: Vec<(SessionId, Head)>,
    /// Where the last event is, if there are any.
    pub(super) log: Option<LogPosition>,
    /// The count of changes that may give somebody something to claim, if it has moved.
    pub(super) work: Option<u64>,
}

impl Decisions<'_> {
    /// Writes everything and commits it.
    pub(super) async fn commit(
        self,
        connection: &mut SqliteConnection,
    ) -> Result<Applied, StoreError> {
        let mut heads = Vec::new();
        let mut plain = Vec::new();
        let mut patched = Vec::new();
        for (id, standing) in self.changed() {
            heads.push((id, standing.head()));
            match Columns::of(standing)? {
                Change::Plain(moved) => plain.push(moved),
                Change::Patched(columns) => patched.push(columns),
            }
        }
        if !patched.is_empty() {
            patch_sessions(connection, &patched).await?;
        }
        for (session, write) in self.prompts {
            queue::write_prompt(connection, session, write).await?;
        }
        for (session, write) in self.permissions {
            queue::write_permission(connection, session, write).await?;
        }
        if !self.replies.is_empty() {
            replies::put(connection, &self.replies).await?;
        }
        let work = if self.work {
            Some(watch::count_up(connection).await?)
        } else {
            None
        };
        let log = finish(connection, &self.batch, &plain).await?;
        Ok(Applied { heads, log, work })
    }
}

/// How a session is updated. Most writes bring events and a journal position and change nothing
/// else, and taking a patch apart in SQL costs more than all the rest of the statement.
enum Change {
    Plain(Moved),
    Patched(Box<Columns>),
}

/// Key, last seq, version, updated at, journal.
type Moved = (i64, i64, i64, i64, Option<i64>);

/// The columns to set. A column that is absent stays; one that is null is cleared.
#[derive(Serialize)]
struct Columns {
    key: i64,
    last_seq: i64,
    version: i64,
    updated_at: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    activity: Option<Option<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    exit_code: Option<i32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    interrupt_requested: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_turn: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    workspace: Option<Option<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agent_session_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    started_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hidden: Option<i64>,
    /// Whether nobody owns it any more.
    ended: i64,
}

impl Columns {
    fn of(standing: &Standing) -> Result<Change, StoreError> {
        let patch = &standing.patch;
        // A standing without a moment was changed by nobody and is not asked for.
        let updated_at = standing.updated_at.unwrap_or_default();
        let journal = patch
            .journal
            .map(|position| stored(position.0))
            .transpose()?;
        let rest = SessionPatch {
            journal: None,
            ..patch.clone()
        };
        if rest == SessionPatch::default() {
            return Ok(Change::Plain((
                standing.key,
                standing.last_seq,
                standing.version,
                updated_at,
                journal,
            )));
        }
        Ok(Change::Patched(Box::new(Self {
            key: standing.key,
            last_seq: standing.last_seq,
            version: standing.version,
            updated_at,
            status: rest.status.map(|status| status.word()),
            activity: rest.activity.map(|activity| activity.map(|it| it.word())),
            reason: rest.reason,
            exit_code: rest.exit_code,
            ending: some_json(rest.ending.as_ref())?,
            interrupt_requested: rest.interrupt_requested.map(i64::from),
            last_turn: some_json(rest.last_turn.as_ref())?,
            workspace: rest
                .workspace
                .map(|workspace| some_json(workspace.as_ref()))
                .transpose()?,
            commit_id: rest.commit,
            agent_version: rest.agent_version,
            agent_session_id: rest.agent_session_id,
            started_at: rest.started_at.map(|moment| moment.as_unix_millis()),
            ended_at: rest.ended_at.map(|moment| moment.as_unix_millis()),
            changes: some_json(rest.changes.as_ref())?,
            usage: some_json(rest.usage.as_ref())?,
            journal,
            hidden: rest.hidden.map(i64::from),
            ended: i64::from(standing.is_ended),
        })))
    }
}

fn some_json<T: Serialize>(value: Option<&T>) -> Result<Option<String>, StoreError> {
    value.map(json_text).transpose()
}

/// Appends the events, moves the heads of the sessions that are not patched, and commits. Says
/// where the last event is, if there are any.
async fn finish(
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
             updated_at = moved.value ->> 3, journal = coalesce(moved.value ->> 4, journal)
         FROM json_each($2) AS moved
         WHERE sessions.key = moved.value ->> 0;
         COMMIT",
        rows,
        moved
    )
    .execute(connection)
    .await
    .during("commit a group of writes")?;
    events.last(&done)
}

async fn patch_sessions(
    connection: &mut SqliteConnection,
    patched: &[Box<Columns>],
) -> Result<(), StoreError> {
    let patched = json_text(patched)?;
    // `json_type` tells a column to be cleared, whose type is 'null', from one to be left alone,
    // which has no type.
    sqlx::query!(
        "UPDATE sessions
         SET last_seq = new.value ->> 'last_seq',
             version = new.value ->> 'version',
             updated_at = new.value ->> 'updated_at',
             status = coalesce(new.value ->> 'status', status),
             activity = iif(json_type(new.value, '$.activity') IS NULL,
                            activity, new.value ->> 'activity'),
             reason = iif(json_type(new.value, '$.reason') IS NULL,
                          reason, new.value ->> 'reason'),
             exit_code = coalesce(new.value ->> 'exit_code', exit_code),
             ending = coalesce(new.value ->> 'ending', ending),
             interrupt_requested =
                 coalesce(new.value ->> 'interrupt_requested', interrupt_requested),
             last_turn = coalesce(new.value ->> 'last_turn', last_turn),
             workspace = iif(json_type(new.value, '$.workspace') IS NULL,
                             workspace, new.value ->> 'workspace'),
             commit_id = coalesce(new.value ->> 'commit_id', commit_id),
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
