//! The cost of requests: the access point with many stored sessions, against bare axum routes that
//! serve the same bytes.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::Context;
use tokio::task::JoinSet;

use crate::bare_server;
use crate::connection::{Connection, Endpoint};
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table, percentile};
use crate::server::{self, Server};
use crate::store_population::Home;

const CONNECTIONS: [usize; 3] = [1, 16, 100];
const FIGURES: [&str; 3] = ["requests/s", "p50 µs", "p99 µs"];

/// A measured request.
struct Asked {
    name: &'static str,
    path: String,
}

/// Measures each request over one and over several connections.
pub(crate) async fn measure(
    folder: &Path,
    ah: &Path,
    home: &Home,
    effort: Effort,
) -> anyhow::Result<Table> {
    let subject = Server::start(server::access_point(ah, home.path()), home.path()).await?;
    let asked = asked(home);
    let bodies = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let mut connection = Connection::open(&subject.endpoint).await?;
    for (number, asked) in asked.iter().enumerate() {
        let body = connection.get(&asked.path).await?;
        fs::write(bodies.path().join(number.to_string()), body)?;
    }
    drop(connection);
    let log = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let command = bare_server::bodies_command(bodies.path())?;
    let baseline = Server::start(command, log.path()).await?;
    let mut rows = Vec::new();
    for (number, asked) in asked.iter().enumerate() {
        for connections in CONNECTIONS {
            let mut of_case = FIGURES.map(|figure| {
                let case = [asked.name.to_owned(), connections.to_string()];
                Comparison::of(case.into_iter().chain([figure.to_owned()]))
            });
            for round in 1..=effort.rounds {
                let what = format!("{} over {connections} connections", asked.name);
                progress(&what, round, effort);
                let path = format!("/{number}");
                let bare = load(&baseline.endpoint, &path, connections, effort).await?;
                let ours = load(&subject.endpoint, &asked.path, connections, effort).await?;
                for ((row, bare), ours) in of_case.iter_mut().zip(bare).zip(ours) {
                    row.baseline.push(bare);
                    row.subject.push(ours);
                }
            }
            rows.extend(of_case);
        }
    }
    subject.end().await?;
    baseline.end().await?;
    Ok(Table {
        case: vec!["request", "connections", "figure"],
        baseline: "bare axum",
        subject: "access point",
        unit: "requests per second, and microseconds",
        rows,
    })
}

fn asked(home: &Home) -> Vec<Asked> {
    let sessions = "/api/v1/sessions";
    let middle = (home.sessions().len() / 50 / 2).max(1);
    let one = home.sessions()[home.sessions().len() / 2];
    vec![
        // The steps that all requests have in common, and hardly more.
        Asked {
            name: "readiness",
            path: "/ready".to_owned(),
        },
        Asked {
            name: "a session",
            path: format!("{sessions}/{one}"),
        },
        Asked {
            name: "first 50",
            path: format!("{sessions}?perPage=50"),
        },
        Asked {
            name: "middle 50",
            path: format!("{sessions}?perPage=50&page={middle}"),
        },
        Asked {
            name: "50 completed",
            path: format!("{sessions}?perPage=50&status=completed"),
        },
    ]
}

/// Requests `path` repeatedly over concurrent connections; returns the figures of [`FIGURES`].
pub(crate) async fn load(
    endpoint: &Endpoint,
    path: &str,
    connections: usize,
    effort: Effort,
) -> anyhow::Result<[f64; 3]> {
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(endpoint).await?;
        // The first request of a connection is not measured.
        connection.get(path).await?;
        open.push(connection);
    }
    let mut clients = JoinSet::new();
    let began = Instant::now();
    for mut connection in open {
        let path = path.to_owned();
        clients.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < effort.round {
                let asked = Instant::now();
                connection.get(&path).await?;
                took.push(asked.elapsed().as_secs_f64() * 1_000_000.0);
            }
            anyhow::Ok(took)
        });
    }
    let mut micros = Vec::new();
    while let Some(client) = clients.join_next().await {
        micros.extend(client.context("a client panicked")??);
    }
    let seconds = began.elapsed().as_secs_f64();
    Ok([
        micros.len() as f64 / seconds,
        percentile(&micros, 50),
        percentile(&micros, 99),
    ])
}
