//! The baselines of the server: plain axum, in the versions that the access point links, with
//! kept-alive connections and without Nagle's algorithm.

mod tasks;

use std::convert::Infallible;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;

use anyhow::Context;
use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use clap::Args;
use futures::{TryStreamExt as _, stream};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{ChildStdin, ChildStdout, Command};
use tokio::sync::{Mutex, broadcast};

use crate::agent::Pace;
use crate::delivery::bare_pipe::{self, Reader};
use crate::server;

pub(crate) use tasks::{Tasks, serve as serve_tasks, tasks_command};

/// The largest lag of a reader, in lines, above that of any measurement.
const BEHIND_MAX: usize = 16 * 1024;

/// A server of static bytes.
#[derive(Args)]
pub(crate) struct Bodies {
    /// The folder of the served files, each under its name.
    #[arg(long)]
    folder: PathBuf,
}

/// A server that forwards the output of an agent.
#[derive(Args)]
pub(crate) struct Lines {
    /// Commit each line to a database in this folder before any reader sees it
    #[arg(long)]
    commit_in: Option<PathBuf>,
    #[command(flatten)]
    pace: Pace,
}

/// Serves files from memory.
pub(crate) async fn serve_bodies(bodies: Bodies) -> anyhow::Result<()> {
    let mut router = Router::new();
    for entry in fs::read_dir(&bodies.folder)? {
        let entry = entry?;
        let body = Bytes::from(fs::read(entry.path())?);
        let route = format!("/{}", entry.file_name().to_string_lossy());
        let answer = async move || ([(CONTENT_TYPE, "application/json")], body.clone());
        router = router.route(&route, get(answer));
    }
    serve(router).await
}

#[derive(Clone)]
struct Agent {
    input: Arc<Mutex<ChildStdin>>,
    lines: broadcast::Sender<Bytes>,
    /// The database of the lines, if they are committed.
    database: Option<PathBuf>,
}

/// Serves the lines of an agent at `/events`, after a POST to `/begin`.
pub(crate) async fn serve_lines(lines: Lines) -> anyhow::Result<()> {
    let command_line = lines.pace.command_line()?;
    let (program, arguments) = command_line
        .split_first()
        .context("the agent has no program")?;
    let mut agent = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .context("failed to start the agent")?;
    let input = agent.stdin.take().context("the agent has no input")?;
    let output = agent.stdout.take().context("the agent has no output")?;
    let state = Agent {
        input: Arc::new(Mutex::new(input)),
        lines: broadcast::Sender::new(BEHIND_MAX),
        database: lines
            .commit_in
            .as_ref()
            .map(|folder| folder.join("bare.sqlite")),
    };
    let router = Router::new()
        .route("/events", get(events))
        .route("/replay", get(replay))
        .route("/begin", post(begin))
        .with_state(state.clone());
    tokio::try_join!(hand_on(output, &state), serve(router))?;
    Ok(())
}

async fn hand_on(output: ChildStdout, to: &Agent) -> anyhow::Result<()> {
    let database = to.database.as_deref().map(bare_pipe::open).transpose()?;
    let mut lines = BufReader::new(output).lines();
    while let Some(line) = lines.next_line().await? {
        if let Some(database) = &database {
            bare_pipe::commit(database, &line)?;
        }
        // There may be no reader.
        to.lines.send(Bytes::from(format!("data: {line}\n\n"))).ok();
    }
    Ok(())
}

#[expect(
    clippy::await_holding_invalid_type,
    reason = "one short line to a pipe that the agent reads"
)]
async fn begin(State(agent): State<Agent>) -> Response {
    let mut input = agent.input.lock().await;
    match input.write_all(b"begin\n").await {
        Ok(()) => axum::Json(true).into_response(),
        Err(error) => (
            axum::http::StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
        )
            .into_response(),
    }
}

async fn events(State(agent): State<Agent>) -> Response {
    let frames = stream::unfold(agent.lines.subscribe(), async |mut lines| {
        let frame = lines.recv().await.ok()?;
        Some((Ok::<_, Infallible>(frame), lines))
    });
    let media_type = [(CONTENT_TYPE, "text/event-stream")];
    (media_type, Body::from_stream(frames)).into_response()
}

/// Responds with all lines in the database, a batch at a time.
async fn replay(State(agent): State<Agent>) -> Response {
    let Some(file) = agent.database else {
        return axum::http::StatusCode::NOT_FOUND.into_response();
    };
    let frames = stream::try_unfold((file, 0), async |(file, after)| {
        let (frames, last) = bare_pipe::lines_after(&file, after)?;
        anyhow::Ok((last > after).then_some((Bytes::from(frames), (file, last))))
    });
    let media_type = [(CONTENT_TYPE, "text/event-stream")];
    let frames = frames.map_err(std::io::Error::other);
    (media_type, Body::from_stream(frames)).into_response()
}

async fn serve(router: Router) -> anyhow::Result<()> {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    server::announce(listener.local_addr()?);
    let listener = listener.tap_io(|stream| {
        // A closed connection fails at the next write.
        stream.set_nodelay(true).ok();
    });
    axum::serve(listener, router).await?;
    Ok(())
}

/// Returns the command of this server with the files of `folder`.
pub(crate) fn bodies_command(folder: &Path) -> anyhow::Result<Command> {
    let mut command = server::this_program("serve-bodies")?;
    command.arg("--folder").arg(folder);
    Ok(command)
}

/// Returns the command of this server with the lines of an agent.
pub(crate) fn lines_command(home: &Path, reader: Reader, pace: Pace) -> anyhow::Result<Command> {
    let mut command = server::this_program("serve-lines")?;
    command.args(pace.arguments());
    if reader == Reader::CommitsThenShows {
        command.arg("--commit-in").arg(home);
    }
    Ok(command)
}
