//! The cost of creating tasks: the access point, against a bare server that commits the same number
//! of rows before it responds, in one transaction with the requests that wait.

use std::path::Path;
use std::time::Instant;

use ah_rest_api_contract::{CreateTask, RepoConfig};
use anyhow::Context;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::bare_server;
use crate::connection::{Connection, Endpoint};
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table, percentile};
use crate::server::{self, Server};

const CONNECTIONS: [usize; 2] = [1, 16];
const FIGURES: [&str; 3] = ["tasks/s", "p50 µs", "p99 µs"];
pub(crate) const TASKS: &str = "/api/v1/tasks";

/// Measures the creation of tasks over one and over several connections, while all slots are taken.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let mut command = server::access_point(ah, home.path());
    command.env("AH_MAX_CONCURRENT_TASKS", "1");
    let subject = Server::start(command, home.path()).await?;
    occupy(&subject.endpoint).await?;
    let bare = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let baseline = Server::start(bare_server::tasks_command(bare.path())?, bare.path()).await?;
    let mut rows = Vec::new();
    for connections in CONNECTIONS {
        let mut of_case =
            FIGURES.map(|figure| Comparison::of([connections.to_string(), figure.to_owned()]));
        for round in 1..=effort.rounds {
            progress(
                &format!("tasks over {connections} connections"),
                round,
                effort,
            );
            let task = task()?;
            let bare = load(&baseline.endpoint, TASKS, &task, connections, effort).await?;
            let ours = load(&subject.endpoint, TASKS, &task, connections, effort).await?;
            for ((row, bare), ours) in of_case.iter_mut().zip(bare).zip(ours) {
                row.baseline.push(bare);
                row.subject.push(ours);
            }
        }
        rows.extend(of_case);
    }
    subject.end().await?;
    baseline.end().await?;
    Ok(Table {
        case: vec!["connections", "figure"],
        baseline: "bare axum, committed",
        subject: "access point",
        unit: "tasks per second, and microseconds",
        rows,
    })
}

fn task() -> anyhow::Result<Value> {
    let prompt = "Find out why the scheduler starts a session twice, and mend it.";
    let mut task = CreateTask::new(prompt, RepoConfig::none(), "scenario");
    // Its session keeps its slot after the first turn.
    task.interactive = true;
    serde_json::to_value(task).context("a task is not JSON")
}

/// Creates a task whose session takes the only slot and keeps it.
async fn occupy(endpoint: &Endpoint) -> anyhow::Result<()> {
    let mut connection = Connection::open(endpoint).await?;
    let path = launch_interactive(&mut connection).await?;
    let began = Instant::now();
    while began.elapsed() < server::MAX {
        let session: Value = serde_json::from_slice(&connection.get(&path).await?)?;
        if session["status"] == "running" {
            return Ok(());
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    anyhow::bail!("a session did not start in time")
}

/// Creates a task whose session waits for prompts, and returns the path of the session.
pub(crate) async fn launch_interactive(connection: &mut Connection) -> anyhow::Result<String> {
    session_of(&connection.post(TASKS, &task()?).await?)
}

/// Returns the path of the first session of a launched task.
pub(crate) fn session_of(launched: &Value) -> anyhow::Result<String> {
    let path = launched["links"]["self"].as_str();
    path.map(str::to_owned).context("a task has no session")
}

/// Posts `body` to `path` repeatedly over concurrent connections; returns the figures of
/// [`FIGURES`]. Every request must be accepted.
pub(crate) async fn load(
    endpoint: &Endpoint,
    path: &str,
    body: &Value,
    connections: usize,
    effort: Effort,
) -> anyhow::Result<[f64; 3]> {
    let mut open = Vec::new();
    for _ in 0..connections {
        let mut connection = Connection::open(endpoint).await?;
        // The first request of a connection is not measured.
        connection.post(path, body).await?;
        open.push(connection);
    }
    let mut clients = JoinSet::new();
    let began = Instant::now();
    for mut connection in open {
        let (path, body) = (path.to_owned(), body.clone());
        clients.spawn(async move {
            let mut took = Vec::new();
            while began.elapsed() < effort.round {
                let asked = Instant::now();
                connection.post(&path, &body).await?;
                took.push(asked.elapsed().as_secs_f64() * 1_000_000.0);
            }
            anyhow::Ok(took)
        });
    }
    let mut micros = Vec::new();
    while let Some(client) = clients.join_next().await {
        micros.extend(client.context("a client panicked")??);
    }
    Ok([
        micros.len() as f64 / began.elapsed().as_secs_f64(),
        percentile(&micros, 50),
        percentile(&micros, 99),
    ])
}
