//! A bare server of tasks: it responds once the rows of a task are committed.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use anyhow::Context;
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use axum::routing::post;
use clap::Args;
use rusqlite::{Connection, params};
use serde_json::{Value, json};
use tokio::process::Command;
use tokio::sync::oneshot;

use crate::server;

/// The most tasks of one transaction.
const GROUP_MAX: usize = 256;

/// A server that commits tasks.
#[derive(Args)]
pub(crate) struct Tasks {
    /// The folder of the database
    #[arg(long)]
    folder: PathBuf,
}

/// A task that waits for its commit.
struct Waiting {
    request: String,
    committed: oneshot::Sender<()>,
}

/// Serves tasks, with one thread that writes them.
pub(crate) async fn serve(tasks: Tasks) -> anyhow::Result<()> {
    let database = open(&tasks.folder.join("bare.sqlite"))?;
    let (queue, waiting) = mpsc::sync_channel(1024);
    std::thread::spawn(move || {
        if let Err(error) = write(&database, &waiting) {
            eprintln!("the writer ended: {error:#}");
        }
    });
    let router = Router::new()
        .route("/api/v1/tasks", post(create))
        .with_state(queue);
    super::serve(router).await
}

async fn create(
    State(queue): State<mpsc::SyncSender<Waiting>>,
    axum::Json(request): axum::Json<Value>,
) -> Response {
    let (committed, done) = oneshot::channel();
    let waiting = Waiting {
        request: request.to_string(),
        committed,
    };
    if queue.try_send(waiting).is_err() || done.await.is_err() {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    }
    let id = "01ARZ3NDEKTSV4RRFFQ69G5FAV";
    let launched = json!({
        "id": id,
        "sessionIds": [id],
        "status": "queued",
        "links": { "self": format!("/api/v1/sessions/{id}") },
    });
    (StatusCode::CREATED, axum::Json(launched)).into_response()
}

fn write(database: &Connection, queue: &mpsc::Receiver<Waiting>) -> anyhow::Result<()> {
    while let Ok(first) = queue.recv() {
        let mut group = vec![first];
        while group.len() < GROUP_MAX
            && let Ok(next) = queue.try_recv()
        {
            group.push(next);
        }
        let transaction = database.unchecked_transaction()?;
        for task in &group {
            for table in ["tasks", "sessions", "events"] {
                let sql = format!("INSERT INTO {table} (json) VALUES (?1)");
                transaction
                    .prepare_cached(&sql)?
                    .execute(params![task.request])?;
            }
        }
        transaction.commit()?;
        for task in group {
            // A client may be gone.
            task.committed.send(()).ok();
        }
    }
    Ok(())
}

fn open(file: &Path) -> anyhow::Result<Connection> {
    let database = Connection::open(file).context("failed to create a database")?;
    database.execute_batch(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = FULL;
         CREATE TABLE tasks (key INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;
         CREATE TABLE sessions (key INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;
         CREATE TABLE events (key INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL) STRICT;",
    )?;
    Ok(database)
}

/// Returns the command of this server with a database in `folder`.
pub(crate) fn tasks_command(folder: &Path) -> anyhow::Result<Command> {
    let mut command = server::this_program("serve-tasks")?;
    command.arg("--folder").arg(folder);
    Ok(command)
}
