//! The time from `POST /tasks` to the first event of the agent, against the least that a launch
//! needs: the start of the same agent, after `git worktree add` if there is a repository.

use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use tokio::process::Command;

use crate::agent::{BareAgent, Pace};
use crate::connection::Connection;
use crate::creates;
use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table, median};
use crate::server::Server;
use crate::subscriber::Subscriber;
use crate::timed_access_point;

/// An agent that answers at once.
const PACE: Pace = Pace {
    lines: 1,
    interval_ms: 1,
    on_prompt: 1,
};
/// The number of launches of a round.
const LAUNCHES: usize = 5;
/// The number of launches at once, and the files of their repository.
const AT_ONCE: usize = 50;
const FILES: usize = 20_000;
/// The files of a small repository.
const FEW_FILES: usize = 20;

/// Measures launches without a repository and on a small one.
pub(crate) async fn measure(folder: &Path, ah: &Path, effort: Effort) -> anyhow::Result<Table> {
    let home = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let project = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    make_repository(project.path(), FEW_FILES).await?;
    let command = timed_access_point::command(home.path(), ah, PACE)?;
    let server = Server::start(command, home.path()).await?;
    let cases = [
        ("no repository", None),
        ("small repository", Some(project.path())),
    ];
    let mut rows = Vec::new();
    for (name, repository) in cases {
        let mut row = Comparison::of([name.to_owned()]);
        // The first launch on a repository copies it.
        launch(&server, repository).await?;
        for round in 1..=effort.rounds {
            progress(&format!("launches, {name}"), round, effort);
            let (mut bare, mut ours) = (Vec::new(), Vec::new());
            for number in 0..LAUNCHES {
                bare.push(start(project.path(), repository, round * LAUNCHES + number).await?);
                ours.push(launch(&server, repository).await?);
            }
            row.baseline.push(median(&bare));
            row.subject.push(median(&ours));
        }
        rows.push(row);
    }
    rows.push(at_once(folder, &server, effort).await?);
    server.end().await?;
    Ok(Table {
        case: vec!["repository"],
        baseline: "git and spawn",
        subject: "access point",
        unit: "microseconds, the median of launches, or until the last of those at once",
        rows,
    })
}

/// Measures launches at once on a repository with many files. A round takes so long that there is only
/// one.
async fn at_once(folder: &Path, server: &Server, effort: Effort) -> anyhow::Result<Comparison> {
    let (launches, files) = match effort.is_quick() {
        true => (4, 100),
        false => (AT_ONCE, FILES),
    };
    let project = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    make_repository(project.path(), files).await?;
    progress(&format!("{launches} launches at once"), 1, effort);
    let mut row = Comparison::of([format!("{launches} at once, {files} files")]);
    launch(server, Some(project.path())).await?;
    let took = async |bare: bool| {
        let running = (0..launches).map(async |number| match bare {
            true => start(project.path(), Some(project.path()), number).await,
            false => launch(server, Some(project.path())).await,
        });
        let micros = futures::future::try_join_all(running).await?;
        // They begin together.
        anyhow::Ok(micros.into_iter().fold(0.0, f64::max))
    };
    row.baseline.push(took(true).await?);
    row.subject.push(took(false).await?);
    Ok(row)
}

/// Launches a task, and returns the microseconds until its agent's first event arrives.
async fn launch(server: &Server, repository: Option<&Path>) -> anyhow::Result<f64> {
    let mut connection = Connection::open(&server.endpoint).await?;
    let repository = match repository {
        Some(path) => json!({ "mode": "git", "url": path }),
        None => json!({ "mode": "none" }),
    };
    let task = json!({
        "prompt": "Print the time",
        "repo": repository,
        "agents": [{ "type": "scenario" }],
    });
    let began = Instant::now();
    let launched = connection.post(creates::TASKS, &task).await?;
    let session = creates::session_of(&launched)?;
    let mut events = Subscriber::open(&server.endpoint, &format!("{session}/events")).await?;
    events.micros(1).await?;
    let took = began.elapsed();
    // The next launch finds a free slot and an idle machine.
    events.end().await?;
    Ok(took.as_secs_f64() * 1_000_000.0)
}

/// Starts the agent, and returns the microseconds until its first event. With a repository, it
/// starts in a new worktree.
async fn start(folder: &Path, repository: Option<&Path>, number: usize) -> anyhow::Result<f64> {
    let began = Instant::now();
    if let Some(repository) = repository {
        let worktree = repository.join(".git").join(format!("bench-{number}"));
        let branch = format!("bench-{number}");
        let worktree = worktree.to_str().context("a path is not UTF-8")?;
        git(
            repository,
            &["worktree", "add", "-q", "-B", &branch, worktree],
        )
        .await?;
    }
    let BareAgent {
        mut process,
        input,
        mut lines,
    } = BareAgent::begin(PACE, folder).await?;
    loop {
        let line = lines.next_line().await?.context("the agent ended early")?;
        let message: Value = serde_json::from_str(&line)?;
        if !message["event"].is_null() {
            break;
        }
    }
    let took = began.elapsed();
    drop(input);
    process.wait().await?;
    Ok(took.as_secs_f64() * 1_000_000.0)
}

/// Makes a repository with this number of files and one commit.
pub(crate) async fn make_repository(folder: &Path, files: usize) -> anyhow::Result<()> {
    git(folder, &["init", "-q", "-b", "main"]).await?;
    for number in 0..files {
        let text = format!("the text of file {number}\n").repeat(50);
        let part = folder.join(format!("part-{}", number / 100));
        fs::create_dir_all(&part)?;
        fs::write(part.join(format!("file-{number}.txt")), text)?;
    }
    git(folder, &["add", "-A"]).await?;
    let identity = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"];
    let commit = ["commit", "-q", "-m", "Begin"];
    git(folder, &[&identity[..], &commit].concat()).await
}

/// Runs git in a folder.
pub(crate) async fn git(folder: &Path, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new("git")
        .arg("-C")
        .arg(folder)
        .args(arguments)
        .stdin(Stdio::null())
        .status()
        .await
        .context("failed to start git")?;
    ensure!(status.success(), "git {arguments:?} failed");
    Ok(())
}
