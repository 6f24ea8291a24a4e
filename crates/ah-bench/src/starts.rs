//! The time from the start of the access point until it accepts requests, with many stored sessions
//! against the same program on an empty state folder; and the time of `ah --help`, against a program
//! that does nothing.

use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use tokio::process::Command;

use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table, median};
use crate::server::{self, Server};
use crate::store_population::Home;

/// The number of runs of a short program in a round.
const RUNS: usize = 10;

/// Measures the starts.
pub(crate) async fn measure(
    folder: &Path,
    ah: &Path,
    home: &Home,
    effort: Effort,
) -> anyhow::Result<Table> {
    let empty = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    // The first start creates a key, and the database of the empty side.
    micros(ah, empty.path()).await?;
    micros(ah, home.path()).await?;
    let sessions = home.sessions().len();
    let mut ready = Comparison::of([format!("ready with {sessions} sessions, against none")]);
    let mut help = Comparison::of(["`ah --help`, against `true`".to_owned()]);
    for round in 1..=effort.rounds {
        progress("starts", round, effort);
        ready.baseline.push(micros(ah, empty.path()).await?);
        ready.subject.push(micros(ah, home.path()).await?);
        let (mut bare, mut ours) = (Vec::new(), Vec::new());
        for _ in 0..RUNS {
            bare.push(run(Command::new("true")).await?);
            let mut command = Command::new(ah);
            command.arg("--help");
            ours.push(run(command).await?);
        }
        help.baseline.push(median(&bare));
        help.subject.push(median(&ours));
    }
    Ok(Table {
        case: vec!["start"],
        baseline: "baseline",
        subject: "subject",
        unit: "microseconds",
        rows: vec![ready, help],
    })
}

/// Returns the time from the start of a program to its end, in microseconds.
async fn run(mut command: Command) -> anyhow::Result<f64> {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).status().await?;
    ensure!(status.success(), "a program failed: {status}");
    Ok(began.elapsed().as_secs_f64() * 1_000_000.0)
}

/// Returns the time until `/ready` succeeds, in microseconds.
async fn micros(ah: &Path, home: &Path) -> anyhow::Result<f64> {
    let began = Instant::now();
    let server = Server::start(server::access_point(ah, home), home).await?;
    let took = began.elapsed().as_secs_f64() * 1_000_000.0;
    server.end().await?;
    Ok(took)
}
