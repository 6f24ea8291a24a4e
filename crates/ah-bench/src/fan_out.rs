//! The delivery of an agent's line to the sockets of all readers of its session, and the memory
//! cost of a reader.
//!
//! The subject is the whole path over HTTP: agent, pipe, recorder, journal, engine, store, server,
//! socket. The baselines are a bare axum server that reads the same agent's pipe and broadcasts its
//! lines: at once, or after committing each of them to SQLite.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use hyper::Method;
use serde_json::json;
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::agent::Pace;
use crate::connection::Connection;
use crate::delivery::bare_pipe::Reader;
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table, percentile};
use crate::server::Server;
use crate::subscriber::Subscriber;
use crate::{bare_server, timed_access_point};

const PERCENTILES: [usize; 2] = [50, 99];
/// The interval of lines, long enough that all readers have read one line before the next.
const INTERVAL_MS: u64 = 20;
/// The time limit of a run besides the agent's lines.
const RUN_MAX: Duration = Duration::from_secs(60);

/// Measurements of the readers of one session.
struct Crowd {
    /// The latency of each line to each reader, in microseconds.
    micros: Vec<f64>,
    /// The growth of the server per reader, in bytes.
    bytes_each: f64,
}

/// Measures one reader and many readers against both baselines.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    for readers in [1, effort.readers] {
        let mut against: Vec<Comparison> = Vec::new();
        for reader in [Reader::Shows, Reader::CommitsThenShows] {
            for percent in PERCENTILES {
                against.push(Comparison::of([
                    readers.to_string(),
                    reader.name().to_owned(),
                    format!("p{percent}"),
                ]));
            }
        }
        for round in 1..=effort.rounds {
            progress(&format!("a line to {readers} readers"), round, effort);
            let pipe = bare(folder, Reader::Shows, readers, effort).await?.micros;
            let subject = access_point(folder, ah, readers, effort).await?.micros;
            let commit = bare(folder, Reader::CommitsThenShows, readers, effort).await?;
            let baselines = [&pipe, &pipe, &commit.micros, &commit.micros];
            let percents = PERCENTILES.iter().cycle();
            for ((row, baseline), &percent) in against.iter_mut().zip(baselines).zip(percents) {
                row.baseline.push(percentile(baseline, percent));
                row.subject.push(percentile(&subject, percent));
            }
        }
        rows.extend(against);
    }
    Ok(Table {
        case: vec!["readers", "against", "percentile"],
        baseline: "bare axum",
        subject: "access point",
        unit: "microseconds",
        rows,
    })
}

/// Measures the memory of a reader that has read everything and waits.
pub(crate) async fn measure_memory(
    folder: &Path,
    ah: &Path,
    effort: Effort,
) -> anyhow::Result<Table> {
    // The fixed costs of the server are shared by enough readers to be negligible.
    let readers = effort.readers * 2;
    let mut row = Comparison::of([readers.to_string()]);
    for round in 1..=effort.rounds {
        progress("memory of readers", round, effort);
        let bare = bare(folder, Reader::Shows, readers, effort).await?;
        row.baseline.push(bare.bytes_each);
        let subject = access_point(folder, ah, readers, effort).await?;
        row.subject.push(subject.bytes_each);
    }
    Ok(Table {
        case: vec!["readers"],
        baseline: "bare axum",
        subject: "access point",
        unit: "bytes of resident memory for each reader",
        rows: vec![row],
    })
}

/// Returns the pace of the agent.
///
/// Its output starts with the second prompt, when all readers are connected, so that no line waits
/// for a reader.
fn pace(effort: Effort, on_prompt: u32) -> anyhow::Result<Pace> {
    let lines = effort.round.as_millis() / u128::from(INTERVAL_MS);
    Ok(Pace {
        lines: u32::try_from(lines)?.max(100),
        interval_ms: INTERVAL_MS,
        on_prompt,
    })
}

async fn bare(
    folder: &Path,
    reader: Reader,
    readers: usize,
    effort: Effort,
) -> anyhow::Result<Crowd> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let pace = pace(effort, 1)?;
    let command = bare_server::lines_command(home.path(), reader, pace)?;
    let server = Server::start(command, home.path()).await?;
    let crowd = gather(&server, "/events", readers, pace, async |control| {
        control.post("/begin", &json!({})).await
    })
    .await?;
    server.end().await?;
    Ok(crowd)
}

async fn access_point(
    folder: &Path,
    ah: &Path,
    readers: usize,
    effort: Effort,
) -> anyhow::Result<Crowd> {
    let home: TempDir = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let pace = pace(effort, 2)?;
    let command = timed_access_point::command(home.path(), ah, pace)?;
    let server = Server::start(command, home.path()).await?;
    let mut control = Connection::open(&server.endpoint).await?;
    let task = json!({
        "prompt": "Wait for all readers",
        "repo": { "mode": "none" },
        "agents": [{ "type": "scenario" }],
        "interactive": true,
    });
    let launched = control.post("/api/v1/tasks", &task).await?;
    let session = launched["session_ids"][0]
        .as_str()
        .context("the task has no session")?;
    let session = format!("/api/v1/sessions/{session}");
    let events = format!("{session}/events");
    let crowd = gather(&server, &events, readers, pace, async |control| {
        let prompt = json!({ "prompt": "Print the time" });
        control.post(&format!("{session}/prompt"), &prompt).await
    })
    .await?;
    // The session ends with the measurement.
    control.send(Method::DELETE, &session, None).await?;
    server.end().await?;
    Ok(crowd)
}

/// Connects `readers` to the stream at `path`, begins, and waits until each has every line.
async fn gather(
    server: &Server,
    path: &str,
    readers: usize,
    pace: Pace,
    begin: impl AsyncFnOnce(&mut Connection) -> anyhow::Result<serde_json::Value>,
) -> anyhow::Result<Crowd> {
    let mut control = Connection::open(&server.endpoint).await?;
    let before = server.resident_bytes()?;
    let mut reading = JoinSet::new();
    for _ in 0..readers {
        let mut subscriber = Subscriber::open(&server.endpoint, path).await?;
        reading.spawn(async move {
            let micros = subscriber.micros(pace.lines as usize).await?;
            anyhow::Ok((micros, subscriber))
        });
    }
    begin(&mut control).await?;
    let all = async {
        let (mut micros, mut open) = (Vec::new(), Vec::new());
        while let Some(read) = reading.join_next().await {
            let (times, subscriber) = read.context("a reader panicked")??;
            micros.extend(times);
            open.push(subscriber);
        }
        // All readers are still connected.
        let after = server.resident_bytes()?;
        drop(open);
        anyhow::Ok(Crowd {
            micros,
            bytes_each: (after - before) / readers as f64,
        })
    };
    tokio::time::timeout(RUN_MAX + pace.duration(), all)
        .await
        .context("the readers did not get every line in time")?
}
