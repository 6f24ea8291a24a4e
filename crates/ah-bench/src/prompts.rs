//! The cost of prompts to one session: of late ones against early ones, and of many clients at once
//! against a bare server that commits the same number of requests.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};

use crate::agent::Pace;
use crate::connection::{Connection, Endpoint};
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table};
use crate::server::{self, Server};
use crate::{bare_server, creates, timed_access_point};

/// The number of prompts before the early ones, and before the late ones.
const EARLY: usize = 10;
const LATE: usize = 1_500;
/// The number of prompts of which the mean cost is measured.
const MEASURED: usize = 100;
/// The number of clients at once.
const CLIENTS: usize = 16;
/// An agent that ends each turn at once.
const PACE: Pace = Pace {
    lines: 1,
    interval_ms: 1,
    on_prompt: u32::MAX,
};
const PAUSE: Duration = Duration::from_millis(20);

/// Measures the processor time of prompts by their number, and the rate of many clients.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let mut by_number = Comparison::of([format!(
        "µs of processor time, prompt {LATE} against {EARLY}"
    )]);
    let mut at_once = Comparison::of([format!(
        "prompts/s of {CLIENTS} clients against bare axum, committed"
    )]);
    for round in 1..=effort.rounds {
        progress("prompts to one session", round, effort);
        let talk = Talk::begin(folder, ah).await?;
        talk.prompt(EARLY).await?;
        by_number.baseline.push(talk.micros_each().await?);
        talk.prompt(LATE - MEASURED - EARLY).await?;
        by_number.subject.push(talk.micros_each().await?);
        talk.end().await?;

        let talk = Talk::begin(folder, ah).await?;
        let [rate, ..] =
            creates::load(talk.endpoint(), &talk.path, &prompt(), CLIENTS, effort).await?;
        at_once.subject.push(rate);
        talk.end().await?;
        let bare = tempfile::tempdir_in(folder).context("failed to make a folder")?;
        let command = bare_server::tasks_command(bare.path())?;
        let baseline = Server::start(command, bare.path()).await?;
        let [rate, ..] = creates::load(
            &baseline.endpoint,
            creates::TASKS,
            &prompt(),
            CLIENTS,
            effort,
        )
        .await?;
        at_once.baseline.push(rate);
        baseline.end().await?;
    }
    Ok(Table {
        case: vec!["figure"],
        baseline: "baseline",
        subject: "access point",
        unit: "as named in each case",
        rows: vec![by_number, at_once],
    })
}

fn prompt() -> Value {
    json!({ "prompt": "Go on with the next test" })
}

/// An access point with one interactive session.
struct Talk {
    server: Server,
    _home: tempfile::TempDir,
    session: String,
    /// The path of its prompts.
    path: String,
}

impl Talk {
    async fn begin(folder: &Path, ah: &Path) -> anyhow::Result<Self> {
        let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
        let command = timed_access_point::command(home.path(), ah, PACE)?;
        let server = Server::start(command, home.path()).await?;
        let mut connection = Connection::open(&server.endpoint).await?;
        let session = creates::launch_interactive(&mut connection).await?;
        let talk = Self {
            server,
            _home: home,
            path: format!("{session}/prompt"),
            session,
        };
        talk.wait_until_idle(&mut connection).await?;
        Ok(talk)
    }

    const fn endpoint(&self) -> &Endpoint {
        &self.server.endpoint
    }

    /// Sends prompts, one after the other, and waits until the agent has ended their turns.
    async fn prompt(&self, count: usize) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.endpoint()).await?;
        for _ in 0..count {
            connection.post(&self.path, &prompt()).await?;
        }
        self.wait_until_idle(&mut connection).await
    }

    /// Returns the processor time that the server spends on a prompt, in microseconds.
    async fn micros_each(&self) -> anyhow::Result<f64> {
        let before = self.server.processor_time()?;
        self.prompt(MEASURED).await?;
        let spent = self.server.processor_time()? - before;
        Ok(spent.as_secs_f64() * 1_000_000.0 / MEASURED as f64)
    }

    async fn wait_until_idle(&self, connection: &mut Connection) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let session: Value = serde_json::from_slice(&connection.get(&self.session).await?)?;
            if session["activity"] == "idle" {
                return Ok(());
            }
            ensure!(
                began.elapsed() < server::MAX,
                "the agent did not become idle"
            );
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn end(self) -> anyhow::Result<()> {
        let mut connection = Connection::open(self.endpoint()).await?;
        connection
            .send(hyper::Method::DELETE, &self.session, None)
            .await?;
        self.server.end().await
    }
}
