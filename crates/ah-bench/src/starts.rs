//! From the start of the access point until it takes requests: with many sessions stored, against
//! the same program on a state folder that holds none.

use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use hyper::Method;

use crate::connection::Connection;
use crate::figures::{Comparison, Table};
use crate::server::{self, Server};
use crate::store_population::Home;
use crate::{Effort, progress};

/// Measures the start on both state folders.
pub(crate) async fn measure(
    folder: &Path,
    ah: &Path,
    home: &Home,
    effort: Effort,
) -> anyhow::Result<Table> {
    let empty = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    // The first start makes a key, and the file on the empty side.
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

/// How long a start takes until `/ready` says so, in microseconds.
async fn micros(ah: &Path, home: &Path) -> anyhow::Result<f64> {
    let began = Instant::now();
    let server = Server::start(server::access_point(ah, home), home).await?;
    let mut connection = Connection::open(&server.endpoint).await?;
    // It says where it is a moment before it is ready.
    while connection.send(Method::GET, "/ready", None).await?.0 != 200 {}
    let took = began.elapsed().as_secs_f64() * 1_000_000.0;
    server.end().await?;
    Ok(took)
}
