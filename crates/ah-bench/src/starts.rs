//! The time from the start of the access point until it accepts requests: with many stored
//! sessions, against the same program on an empty state folder.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;

use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table};
use crate::server::{self, Server};
use crate::store_population::Home;

/// Measures the start on both state folders.
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
    let mut row = Comparison::of([home.sessions().len().to_string()]);
    for round in 1..=effort.rounds {
        progress("start to ready", round, effort);
        row.baseline.push(micros(ah, empty.path()).await?);
        row.subject.push(micros(ah, home.path()).await?);
    }
    Ok(Table {
        case: vec!["sessions"],
        baseline: "empty",
        subject: "with sessions",
        unit: "microseconds",
        rows: vec![row],
    })
}

/// Returns the time until `/ready` succeeds, in microseconds.
async fn micros(ah: &Path, home: &Path) -> anyhow::Result<f64> {
    let began = Instant::now();
    let server = Server::start(server::access_point(ah, home), home).await?;
    let took = began.elapsed().as_secs_f64() * 1_000_000.0;
    server.end().await?;
    Ok(took)
}
