//! A flood: an agent that prints as fast as it can to one reader; and the replay of its lines to a
//! reader that comes later.
//!
//! The baseline is a bare axum server that commits each line to SQLite before it shows it, and
//! reads them from there for the replay. A processor that halts while it waits takes longer to go on,
//! so the flood is measured twice: on the processors as they are, and with a program of the lowest
//! priority that keeps them awake.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::Context;
use hyper::Method;
use serde_json::json;
use tokio::process::Child;

use crate::agent::{Pace, micros_between};
use crate::connection::Connection;
use crate::delivery::bare_pipe::Reader;
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table};
use crate::server::{self, Server};
use crate::subscriber::Subscriber;
use crate::{bare_server, creates, timed_access_point};

/// The number of lines for each millisecond of a round.
const LINES_PER_MS: u128 = 17;
/// The largest number of lines, which the baseline keeps for a reader.
const LINES_MAX: u32 = 10_000;
/// The lowest priority.
const NICE: i32 = 19;

/// The measurements of one server.
struct Flood {
    /// The lines that one reader got per second.
    rate: f64,
    /// The time until a later reader had all lines, in microseconds.
    replay: f64,
}

/// Measures floods, and the replays after them.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let lines = u32::try_from(effort.round.as_millis() * LINES_PER_MS)?.min(LINES_MAX);
    let mut rates = ["as they are", "kept awake"]
        .map(|processors| Comparison::of([format!("lines/s, processors {processors}")]));
    let mut replay = Comparison::of([format!("µs for the replay of {lines}")]);
    for round in 1..=effort.rounds {
        progress("floods", round, effort);
        for (rates, is_awake) in rates.iter_mut().zip([false, true]) {
            let _awake = is_awake.then(keep_awake).transpose()?;
            let bare = bare(folder, lines).await?;
            let ours = access_point(folder, ah, lines).await?;
            rates.baseline.push(bare.rate);
            rates.subject.push(ours.rate);
            if !is_awake {
                replay.baseline.push(bare.replay);
                replay.subject.push(ours.replay);
            }
        }
    }
    Ok(Table {
        case: vec!["figure"],
        baseline: "bare axum, committed",
        subject: "access point",
        unit: "as named in each case",
        rows: rates.into_iter().chain([replay]).collect(),
    })
}

const fn pace(lines: u32, on_prompt: u32) -> Pace {
    Pace {
        lines,
        interval_ms: 0,
        on_prompt,
    }
}

async fn bare(folder: &Path, lines: u32) -> anyhow::Result<Flood> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let reader = Reader::CommitsThenShows;
    let command = bare_server::lines_command(home.path(), reader, pace(lines, 1))?;
    let server = Server::start(command, home.path()).await?;
    let mut control = Connection::open(&server.endpoint).await?;
    let mut subscriber = Subscriber::open(&server.endpoint, "/events").await?;
    control.post("/begin", &json!({})).await?;
    let rate = rate(&mut subscriber, lines).await?;
    let replay = replay(&server, "/replay", lines).await?;
    server.end().await?;
    Ok(Flood { rate, replay })
}

async fn access_point(folder: &Path, ah: &Path, lines: u32) -> anyhow::Result<Flood> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let command = timed_access_point::command(home.path(), ah, pace(lines, 2))?;
    let server = Server::start(command, home.path()).await?;
    let mut control = Connection::open(&server.endpoint).await?;
    let session = creates::launch_interactive(&mut control).await?;
    let events = format!("{session}/events");
    let mut subscriber = Subscriber::open(&server.endpoint, &events).await?;
    let prompt = json!({ "prompt": "Print the time" });
    control.post(&format!("{session}/prompt"), &prompt).await?;
    let rate = rate(&mut subscriber, lines).await?;
    let replay = replay(&server, &events, lines).await?;
    control.send(Method::DELETE, &session, None).await?;
    server.end().await?;
    Ok(Flood { rate, replay })
}

/// Returns the lines per second from the first one that is printed to the last one that arrives.
async fn rate(subscriber: &mut Subscriber, lines: u32) -> anyhow::Result<f64> {
    let arrivals = tokio::time::timeout(server::MAX, subscriber.arrivals(lines as usize));
    let arrivals = arrivals.await.context("a flood did not end in time")??;
    let first = arrivals.iter().map(|(printed, _)| *printed).min();
    let last = arrivals.iter().map(|(_, arrived)| *arrived).max();
    let (first, last) = first.zip(last).context("no line arrived")?;
    Ok(f64::from(lines) / (micros_between(first, last) / 1_000_000.0))
}

/// Returns the microseconds until a new reader of `path` has all lines.
async fn replay(server: &Server, path: &str, lines: u32) -> anyhow::Result<f64> {
    let began = Instant::now();
    let mut subscriber = Subscriber::open(&server.endpoint, path).await?;
    let arrivals = tokio::time::timeout(server::MAX, subscriber.arrivals(lines as usize));
    arrivals.await.context("a replay did not end in time")??;
    Ok(began.elapsed().as_secs_f64() * 1_000_000.0)
}

/// Starts the program that keeps all processors awake until it is dropped.
fn keep_awake() -> anyhow::Result<Child> {
    server::this_program("spin")?
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("failed to start the program that keeps processors awake")
}

/// Keeps all processors awake, with the lowest priority, until the process is killed.
pub(crate) fn spin() -> anyhow::Result<()> {
    rustix::process::nice(NICE).context("failed to lower the priority")?;
    let processors = std::thread::available_parallelism()?;
    std::thread::scope(|threads| {
        for _ in 0..processors.get() {
            threads.spawn(|| {
                loop {
                    std::hint::spin_loop();
                }
            });
        }
    });
    Ok(())
}
