//! Claims: the ownership of sessions by engines.

use std::collections::BTreeSet;

use ah_rest_api_contract::{
    EventPayload, EventSeq, SessionId, SessionStatus, StatusChange, Timestamp,
};
use ah_store::{
    Claim, Claims, EngineId, Head, Lease, LogPosition, NewEvent, SessionRecord, StoreError,
};
use async_trait::async_trait;
use rusqlite::Connection;
use sqlx::SqliteConnection;

use crate::append::append;
use crate::direct;
use crate::encode::EventText;
use crate::error::During as _;
use crate::observe::operation;
use crate::rows::{Reader, json_text};
use crate::statement::{execute, select};
use crate::store::SqliteStore;
use crate::watch::{self, News};
use crate::writer::Tx;

#[async_trait]
impl Claims for SqliteStore {
    async fn claim(
        &self,
        wanted: Claim,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        // Every new task asks for a claim, and most find all slots taken. A change of that is
        // announced, so the answer of this read is as good as that of the writer.
        if let Claim::NextQueued { slots } = wanted
            && !self.direct.is_claimable(slots).await?
        {
            return Ok(None);
        }
        let lease = lease.clone();
        self.writer
            .run("claim a session", move |tx| claim(tx, &wanted, &lease, now))
            .await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        let lease = lease.clone();
        self.writer
            .run("renew the leases of an engine", move |tx| renew(tx, &lease))
            .await
    }

    async fn release(&self, engine: &EngineId) -> Result<(), StoreError> {
        let engine = engine.clone();
        self.writer
            .run("release the claims of an engine", move |tx| {
                release(tx, &engine)
            })
            .await
    }

    async fn owners(&self) -> Result<BTreeSet<EngineId>, StoreError> {
        operation("list the owners of sessions", async {
            owners(&mut *self.reader().await?).await
        })
        .await
    }

    fn watch_work(&self) -> tokio::sync::watch::Receiver<u64> {
        self.watchers.work()
    }
}

/// Claims a session, and announces the claim.
fn claim(
    tx: &mut Tx,
    claim: &Claim,
    lease: &Lease,
    now: Timestamp,
) -> Result<Option<SessionRecord>, StoreError> {
    let claimed = match claim {
        Claim::NextQueued { slots } => next_queued(tx, *slots, lease, now)?,
        Claim::Orphan { dead } => orphan(tx, dead, lease, now)?.map(|id| (id, None)),
    };
    let Some((id, log)) = claimed else {
        return Ok(None);
    };
    let record = direct::session(tx, id)?;
    let head = Head {
        last_seq: record.session.last_seq,
        version: record.version,
    };
    let work = watch::count_up(tx)?;
    tx.announce(News {
        heads: vec![(id, head)],
        log,
        work: Some(work),
        ..News::default()
    });
    Ok(Some(record))
}

fn next_queued(
    connection: &Connection,
    slots: u32,
    lease: &Lease,
    now: Timestamp,
) -> Result<Option<(SessionId, Option<LogPosition>)>, StoreError> {
    let expires_at = lease.expires_at.as_unix_millis();
    let updated_at = now.as_unix_millis();
    let holding = statuses_that_hold_a_slot()?;
    let claimed = select!(
        connection,
        "claim a queued session",
        |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
        "UPDATE sessions
         SET status = 'provisioning', owner = ?1, lease_expires_at = ?2,
             updated_at = max(updated_at, ?3), fence = fence + 1, version = version + 1,
             last_seq = last_seq + 1
         WHERE key = (
             SELECT key FROM sessions
             WHERE status = 'queued'
             ORDER BY priority DESC, created_at, key
             LIMIT 1
         )
         AND ?4 > (
             SELECT count(*) FROM sessions
             WHERE status IN (SELECT value FROM json_each(?5))
             AND activity IS NOT 'storing'
         )
         RETURNING key, id, last_seq",
        lease.engine.0,
        expires_at,
        updated_at,
        slots,
        holding
    )?;
    let Some((key, id, last_seq)) = claimed.into_iter().next() else {
        return Ok(None);
    };
    let (key, text, last_seq): (i64, String, i64) = (key, id, last_seq);
    let reader = Reader::new("sessions", &text);
    let id: SessionId = reader.parsed("id", &text)?;
    let event = NewEvent {
        ts: now,
        payload: EventPayload::Status(
            StatusChange::new(SessionStatus::Provisioning).with_previous(SessionStatus::Queued),
        ),
    };
    let seq = EventSeq::new(reader.number("last_seq", last_seq)?);
    let log = append(connection, key, seq, &EventText::new(id, &event)?)?;
    Ok(Some((id, Some(log))))
}

fn orphan(
    connection: &Connection,
    dead: &BTreeSet<EngineId>,
    lease: &Lease,
    now: Timestamp,
) -> Result<Option<SessionId>, StoreError> {
    let expires_at = lease.expires_at.as_unix_millis();
    let now = now.as_unix_millis();
    let holding = statuses_that_hold_a_slot()?;
    let dead = json_text(dead)?;
    // The status does not change, so no decision becomes stale and the version stays.
    let claimed = select!(
        connection,
        "claim an orphaned session",
        |row| row.get::<_, String>(0),
        "UPDATE sessions
         SET owner = ?1, lease_expires_at = ?2, fence = fence + 1
         WHERE key = (
             SELECT key FROM sessions
             WHERE status IN (SELECT value FROM json_each(?3))
             AND (
                 owner IS NULL
                 OR (
                     owner <> ?1
                     AND (
                         lease_expires_at <= ?4
                         OR owner IN (SELECT value FROM json_each(?5))
                     )
                 )
             )
             ORDER BY created_at, key
             LIMIT 1
         )
         RETURNING id",
        lease.engine.0,
        expires_at,
        holding,
        now,
        dead
    )?;
    let claimed = claimed.into_iter().next();
    claimed
        .map(|id| Reader::new("sessions", &id).parsed("id", &id))
        .transpose()
}

pub(crate) fn statuses_that_hold_a_slot() -> Result<String, StoreError> {
    let holding: Vec<SessionStatus> = SessionStatus::ALL
        .into_iter()
        .filter(|status| status.holds_slot())
        .collect();
    json_text(&holding)
}

fn renew(connection: &Connection, lease: &Lease) -> Result<(), StoreError> {
    let expires_at = lease.expires_at.as_unix_millis();
    execute!(
        connection,
        "renew the leases of an engine",
        "UPDATE sessions SET lease_expires_at = ?1 WHERE owner = ?2",
        expires_at,
        lease.engine.0
    )
    .map(drop)
}

/// Releases every claim of `engine`, and announces it if there was one.
fn release(tx: &mut Tx, engine: &EngineId) -> Result<(), StoreError> {
    let released = execute!(
        tx,
        "release the claims of an engine",
        "UPDATE sessions SET owner = NULL, lease_expires_at = NULL WHERE owner = ?1",
        engine.0
    )?;
    if released > 0 {
        let work = watch::count_up(tx)?;
        tx.announce(News {
            work: Some(work),
            ..News::default()
        });
    }
    Ok(())
}

async fn owners(connection: &mut SqliteConnection) -> Result<BTreeSet<EngineId>, StoreError> {
    let owners = sqlx::query_scalar!(
        r#"SELECT DISTINCT owner AS "owner!: String" FROM sessions WHERE owner IS NOT NULL"#
    )
    .fetch_all(connection)
    .await
    .during("list the owners of sessions")?;
    Ok(owners.into_iter().map(EngineId).collect())
}
