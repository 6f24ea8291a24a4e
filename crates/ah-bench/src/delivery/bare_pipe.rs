//! The baselines: this process reads the agent's pipe directly.

use std::path::Path;

use ah_rest_api_contract::EventPayload;
use anyhow::{Context, ensure};
use rusqlite::{Connection, params};
use serde_json::Value;

use crate::agent::{self, BareAgent, Pace};

/// The number of lines that are read from the database at once, as by the access point.
const BATCH: i64 = 256;

/// The reader's treatment of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reader {
    /// The line is parsed.
    Shows,
    /// The line is committed to SQLite and then parsed.
    CommitsThenShows,
}

impl Reader {
    /// Returns the name of the baseline.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Shows => "bare pipe",
            Self::CommitsThenShows => "pipe, commit",
        }
    }
}

/// Returns the latency of each line of an agent, in microseconds.
pub(crate) async fn micros(folder: &Path, pace: Pace, reader: Reader) -> anyhow::Result<Vec<f64>> {
    let folder = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let database = match reader {
        Reader::Shows => None,
        Reader::CommitsThenShows => Some(open(&folder.path().join("bare.sqlite"))?),
    };
    let BareAgent {
        mut process,
        input,
        mut lines,
    } = BareAgent::begin(pace, folder.path()).await?;
    let mut took = Vec::new();
    while let Some(line) = lines.next_line().await? {
        let mut message: Value = serde_json::from_str(&line)?;
        if !message["turn_ended"].is_null() {
            break;
        }
        if message["event"].is_null() {
            continue;
        }
        if let Some(database) = &database {
            commit(database, &line)?;
        }
        let event: EventPayload = serde_json::from_value(message["event"].take())?;
        took.extend(agent::micros_since(&event));
    }
    drop(input);
    process.wait().await?;
    ensure!(
        took.len() == pace.lines as usize,
        "{} of {} lines came",
        took.len(),
        pace.lines
    );
    Ok(took)
}

/// Inserts a line into the database, durably.
pub(crate) fn commit(database: &Connection, line: &str) -> anyhow::Result<()> {
    database
        .prepare_cached("INSERT INTO events (json) VALUES (?1)")?
        .execute(params![line])?;
    Ok(())
}

/// Returns the frames of at most [`BATCH`] lines after the line of this number, and the number of the
/// last one.
pub(crate) fn lines_after(file: &Path, after: i64) -> anyhow::Result<(String, i64)> {
    let database = Connection::open(file)?;
    let mut lines =
        database.prepare("SELECT seq, json FROM events WHERE seq > ?1 ORDER BY seq LIMIT ?2")?;
    let mut rows = lines.query(params![after, BATCH])?;
    let (mut frames, mut last) = (String::new(), after);
    while let Some(row) = rows.next()? {
        last = row.get(0)?;
        let line: String = row.get(1)?;
        frames.push_str(&format!("data: {line}\n\n"));
    }
    Ok((frames, last))
}

/// Creates the database of lines.
pub(crate) fn open(file: &Path) -> anyhow::Result<Connection> {
    let database = Connection::open(file)?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE events (seq INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;",
    )?;
    Ok(database)
}
