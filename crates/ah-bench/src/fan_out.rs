//! The delivery of an agent's line to the sockets of all readers of its session, and the memory
//! cost of a reader.
//!
//! The subject is the whole path over HTTP: agent, pipe, recorder, journal, engine, store, server,
//! socket. The baselines are a bare axum server that reads the same agent's pipe and broadcasts its
//! lines, at once or after committing each of them to SQLite, and nginx with nchan, which broadcasts
//! what this program posts to it, from memory.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, ensure};
use hyper::Method;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::JoinSet;

use crate::agent::{BareAgent, Pace};
use crate::connection::Connection;
use crate::delivery::bare_pipe::Reader;
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table, percentile};
use crate::server::Server;
use crate::subscriber::Subscriber;
use crate::{bare_server, nchan, timed_access_point};

const PERCENTILES: [usize; 2] = [50, 99];
/// The interval of lines to few readers, and to each of many. It is long enough that all readers
/// have read one line before the next.
const INTERVAL_MIN_MS: u64 = 20;
const INTERVAL_MICROS_EACH: u64 = 150;
/// The most readers whose memory is measured.
const REMEMBERED_MAX: usize = 400;
/// The time limit of a run besides the agent's lines.
const RUN_MAX: Duration = Duration::from_secs(60);

/// Measurements of the readers of one session.
struct Crowd {
    /// The latency of each line to each reader, in microseconds.
    micros: Vec<f64>,
    /// The growth of the server per reader, in bytes.
    bytes_each: f64,
}

/// Measures one reader, some and many readers against all baselines.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let mut rows = Vec::new();
    let nchan = nchan::find();
    if nchan.is_none() {
        eprintln!("nginx with nchan is not installed, so the comparisons with it are left out");
    }
    for readers in [1, (effort.readers / 10).max(2), effort.readers] {
        let names = [Reader::Shows.name(), Reader::CommitsThenShows.name()];
        let names = names.into_iter().chain(nchan.is_some().then_some("nchan"));
        let cases = names.flat_map(|name| PERCENTILES.map(|percent| (name, percent)));
        let mut against: Vec<Comparison> = cases
            .map(|(name, percent)| {
                Comparison::of([readers.to_string(), name.to_owned(), format!("p{percent}")])
            })
            .collect();
        for round in 1..=effort.rounds {
            progress(&format!("a line to {readers} readers"), round, effort);
            let pipe = bare(folder, Reader::Shows, readers, effort).await?.micros;
            let subject = access_point(folder, ah, readers, Log::OfSession, effort).await?;
            let commit = bare(folder, Reader::CommitsThenShows, readers, effort).await?;
            let mut baselines = vec![pipe, commit.micros];
            if let Some(nchan) = &nchan {
                baselines.push(posted(folder, nchan, readers, effort).await?);
            }
            let figures = baselines
                .iter()
                .flat_map(|micros| PERCENTILES.map(|percent| (micros, percent)));
            for (row, (baseline, percent)) in against.iter_mut().zip(figures) {
                row.baseline.push(percentile(baseline, percent));
                row.subject.push(percentile(&subject.micros, percent));
            }
        }
        rows.extend(against);
    }
    Ok(Table {
        case: vec!["readers", "against", "percentile"],
        baseline: "baseline",
        subject: "access point",
        unit: "microseconds",
        rows,
    })
}

/// Measures many readers of the log of all sessions, against as many readers of one session's log.
pub(crate) async fn measure_whole_log(
    folder: &Path,
    ah: &Path,
    effort: Effort,
) -> anyhow::Result<Table> {
    let readers = effort.readers;
    let mut rows =
        PERCENTILES.map(|percent| Comparison::of([readers.to_string(), format!("p{percent}")]));
    for round in 1..=effort.rounds {
        progress("the log of all sessions", round, effort);
        let one = access_point(folder, ah, readers, Log::OfSession, effort).await?;
        let all = access_point(folder, ah, readers, Log::OfAll, effort).await?;
        for (row, percent) in rows.iter_mut().zip(PERCENTILES) {
            row.baseline.push(percentile(&one.micros, percent));
            row.subject.push(percentile(&all.micros, percent));
        }
    }
    Ok(Table {
        case: vec!["readers", "percentile"],
        baseline: "one session's log",
        subject: "log of all sessions",
        unit: "microseconds",
        rows: rows.into(),
    })
}

/// The log whose readers are measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Log {
    OfSession,
    OfAll,
}

/// Measures the memory of a reader that has read everything and waits.
pub(crate) async fn measure_memory(
    folder: &Path,
    ah: &Path,
    effort: Effort,
) -> anyhow::Result<Table> {
    // The fixed costs of the server are shared by enough readers to be negligible.
    let readers = (effort.readers * 2).min(REMEMBERED_MAX);
    let mut row = Comparison::of([readers.to_string()]);
    for round in 1..=effort.rounds {
        progress("memory of readers", round, effort);
        let bare = bare(folder, Reader::Shows, readers, effort).await?;
        row.baseline.push(bare.bytes_each);
        let subject = access_point(folder, ah, readers, Log::OfSession, effort).await?;
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
fn pace(readers: usize, effort: Effort, on_prompt: u32) -> anyhow::Result<Pace> {
    let of_all = u64::try_from(readers)? * INTERVAL_MICROS_EACH / 1_000;
    let interval_ms = of_all.max(INTERVAL_MIN_MS);
    // Few readers need enough lines for a percentile.
    let lines = 4 * effort.round.as_millis() / u128::from(interval_ms);
    Ok(Pace {
        lines: u32::try_from(lines)?.clamp(20, 100),
        interval_ms,
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
    let pace = pace(readers, effort, 1)?;
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
    log: Log,
    effort: Effort,
) -> anyhow::Result<Crowd> {
    let home: TempDir = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let pace = pace(readers, effort, 2)?;
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
    let events = match log {
        Log::OfSession => format!("{session}/events"),
        Log::OfAll => "/api/v1/events".to_owned(),
    };
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

/// Returns the latencies of an agent's lines that this program posts to nginx.
async fn posted(
    folder: &Path,
    nchan: &nchan::Program,
    readers: usize,
    effort: Effort,
) -> anyhow::Result<Vec<f64>> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let server = nchan.start(home.path()).await?;
    let pace = pace(readers, effort, 1)?;
    let mut reading = JoinSet::new();
    for _ in 0..readers {
        let mut subscriber = Subscriber::open(&server.endpoint, nchan::SUBSCRIBE).await?;
        reading.spawn(async move { subscriber.micros(pace.lines as usize).await });
    }
    let mut connection = Connection::open(&server.endpoint).await?;
    let BareAgent {
        mut process,
        input,
        mut lines,
    } = BareAgent::begin(pace, home.path()).await?;
    while let Some(line) = lines.next_line().await? {
        let message: Value = serde_json::from_str(&line)?;
        if !message["turn_ended"].is_null() {
            break;
        }
        if !message["event"].is_null() {
            let sent = connection.send(Method::POST, nchan::PUBLISH, Some(&message));
            let (status, _) = sent.await?;
            ensure!(
                (200..300).contains(&status),
                "nchan responded with {status}"
            );
        }
    }
    drop(input);
    process.wait().await?;
    let all = async {
        let mut micros = Vec::new();
        while let Some(read) = reading.join_next().await {
            micros.extend(read.context("a reader panicked")??);
        }
        anyhow::Ok(micros)
    };
    let micros = tokio::time::timeout(RUN_MAX, all)
        .await
        .context("the readers did not get every line in time")??;
    server.end().await?;
    Ok(micros)
}

/// Connects `readers` to the stream at `path`, begins, and waits until each has every line.
async fn gather(
    server: &Server,
    path: &str,
    readers: usize,
    pace: Pace,
    begin: impl AsyncFnOnce(&mut Connection) -> anyhow::Result<Value>,
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
