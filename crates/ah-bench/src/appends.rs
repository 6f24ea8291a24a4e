//! Durable appends: events per second into the log.
//!
//! The baseline is SQLite, the library and the settings of the store. One connection inserts the
//! same number of events of the same size, a transaction after another. The subject is the given
//! number of sessions, each of which writes its batches through the port in sequence. On both
//! sides, a written event survives a crash of the machine.

use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use ah_rest_api_contract::{EventPayload, Log, LogLevel, SessionId};
use ah_store::{Guard, NewEvent, SessionWrite, Store};
use ah_store_sqlite::SqliteStore;
use anyhow::Context;
use rusqlite::{Connection, TransactionBehavior, params};
use tokio::task::JoinSet;

use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table};
use crate::store_population::{self, MOMENT};

const SESSIONS: [usize; 3] = [1, 8, 64];
const BATCHES: [usize; 3] = [1, 16, 128];

/// The text of an event, as long as a typical line of an agent's log.
const LINE: &str = "Compiling the workspace after the change to the scheduler; 14 of 212 units are \
                    done, and the tests of the store come next.";

/// Measures each number of sessions with each batch size.
pub(crate) async fn measure(folder: &Path, effort: Effort) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    for sessions in SESSIONS {
        for batch in BATCHES {
            let mut row = Comparison::of([sessions.to_string(), batch.to_string()]);
            for round in 1..=effort.rounds {
                let what = format!("appends of {sessions} sessions, {batch} events a batch");
                progress(&what, round, effort);
                row.baseline.push(bare_sqlite(folder, batch, effort)?);
                row.subject
                    .push(store(folder, sessions, batch, effort).await?);
            }
            rows.push(row);
        }
    }
    Ok(Table {
        case: vec!["sessions", "events a batch"],
        baseline: "bare SQLite",
        subject: "store",
        unit: "events per second",
        rows,
    })
}

/// Returns the events per second of a bare loop of transactions.
fn bare_sqlite(folder: &Path, batch: usize, effort: Effort) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let mut database = Connection::open(folder.path().join("bare.sqlite"))?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE events (
             key INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
             session INTEGER NOT NULL,
             seq INTEGER NOT NULL,
             ts INTEGER NOT NULL,
             type TEXT NOT NULL,
             level TEXT,
             json TEXT NOT NULL,
             UNIQUE (session, seq)
         ) STRICT;",
    )?;
    let json = serde_json::to_string(&event())?;
    let mut seq: i64 = 0;
    let began = Instant::now();
    while began.elapsed() < effort.round {
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut insert = transaction.prepare_cached(
            "INSERT INTO events (session, seq, ts, type, level, json)
             VALUES (1, ?1, ?2, 'log', 'info', ?3)",
        )?;
        for _ in 0..batch {
            seq += 1;
            insert.execute(params![seq, MOMENT.as_unix_millis(), json])?;
        }
        drop(insert);
        transaction.commit()?;
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok(seq as f64 / seconds)
}

/// Returns the events per second of `sessions` concurrent writers through the store.
async fn store(
    folder: &Path,
    sessions: usize,
    batch: usize,
    effort: Effort,
) -> anyhow::Result<f64> {
    let folder = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let store: Arc<dyn Store> =
        Arc::new(SqliteStore::open(&folder.path().join("store.sqlite")).await?);
    let ids = store_population::create_sessions(&*store, sessions).await?;
    let mut writers = JoinSet::new();
    let began = Instant::now();
    for id in ids {
        let store = Arc::clone(&store);
        writers.spawn(async move {
            let mut written = 0;
            while began.elapsed() < effort.round {
                store.write(batch_of(id, batch)).await?;
                written += batch;
            }
            anyhow::Ok(written)
        });
    }
    let mut written = 0;
    while let Some(writer) = writers.join_next().await {
        written += writer.context("a writer panicked")??;
    }
    let seconds = began.elapsed().as_secs_f64();
    store.close().await;
    Ok(written as f64 / seconds)
}

fn batch_of(session: SessionId, events: usize) -> SessionWrite {
    let mut write = SessionWrite::new(session, Guard::default(), MOMENT);
    write.events = (0..events)
        .map(|_| NewEvent {
            ts: MOMENT,
            payload: event(),
        })
        .collect();
    write
}

fn event() -> EventPayload {
    EventPayload::Log(Log::new(LogLevel::Info, LINE.to_owned()))
}
