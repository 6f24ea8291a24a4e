//! The folders of sessions by each provider that this host offers, against git's own worktrees and a
//! bare mount.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use ah_executor::WorkspaceRequest;
use ah_executor_local::Workspaces;
use ah_rest_api_contract::{RepositorySource, SessionId, WorkspaceProvider};
use anyhow::{Context as _, ensure};
use futures::future::try_join_all;
use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};
use tokio::process::Command;
use ulid::Ulid;

use crate::effort::{Effort, progress};
use crate::figures::{Comparison, Table};
use crate::launches::{git, make_repository};

/// The numbers of workspaces at once, and the files of their repository.
const AT_ONCE: [usize; 2] = [1, 50];
const FILES: usize = 20_000;
/// The number of rounds of one workspace. Those of many take so long that there is only one.
const ROUNDS: usize = 3;
/// The steps of a workspace, with what git does for them.
const STEPS: [(&str, &str); 3] = [
    ("ready", "git worktree add"),
    ("first diff", "git status"),
    ("removed", "rm, git worktree prune"),
];

/// Measures each step of workspaces.
pub(crate) async fn measure(folder: &Path, effort: Effort) -> anyhow::Result<Table> {
    let (files, at_once, rounds) = match effort.is_quick() {
        true => (100, [1, 2], 1),
        false => (FILES, AT_ONCE, ROUNDS),
    };
    let scratch = tempfile::tempdir_in(folder).context("failed to make a folder")?;
    let project = scratch.path().join("project");
    fs::create_dir(&project)?;
    make_repository(&project, files).await?;
    let mut workspaces = Workspaces::new(scratch.path().join("home"));
    workspaces.set_providers(vec![WorkspaceProvider::Overlay]);
    let providers = workspaces.providers();
    let bench = Bench {
        project,
        workspaces,
        scratch: scratch.path().to_owned(),
        sessions: AtomicU64::new(1),
    };
    let mut rows = Vec::new();
    for provider in &providers {
        // The first one copies the repository, and prepares a checkout.
        bench.steps_of_ours(provider, 1).await?;
        for count in at_once {
            let mut of_steps = STEPS.map(|(step, against)| {
                let cells = [&provider.to_string(), step, &count.to_string(), against];
                Comparison::of(cells.map(str::to_owned))
            });
            for round in 1..=if count == 1 { rounds } else { 1 } {
                progress(
                    &format!("workspaces, {provider}, {count} at once"),
                    round,
                    effort,
                );
                let baseline = bench.steps_of_git(count).await?;
                let subject = bench.steps_of_ours(provider, count).await?;
                for (step, row) in of_steps.iter_mut().enumerate() {
                    row.baseline.push(baseline[step]);
                    row.subject.push(subject[step]);
                }
            }
            if *provider == WorkspaceProvider::Overlay && count == 1 {
                let cells = [&provider.to_string(), "ready", "1", "bare mount"];
                let mut row = Comparison::of(cells.map(str::to_owned));
                row.subject.clone_from(&of_steps[0].subject);
                for _ in 0..rounds {
                    row.baseline.push(bench.bare_mount()?);
                }
                rows.push(row);
            }
            rows.extend(of_steps);
        }
    }
    Ok(Table {
        case: vec!["provider", "step", "at once", "against"],
        baseline: "git or mount",
        subject: "workspace",
        unit: "microseconds, until the last of those at once",
        rows,
    })
}

struct Bench {
    project: PathBuf,
    workspaces: Workspaces,
    scratch: PathBuf,
    sessions: AtomicU64,
}

impl Bench {
    fn next_session(&self) -> SessionId {
        let number = self.sessions.fetch_add(1, Ordering::Relaxed);
        SessionId::from_ulid(Ulid::from_parts(number, 0))
    }

    /// Returns the duration of each step of workspaces at once.
    async fn steps_of_ours(
        &self,
        provider: &WorkspaceProvider,
        count: usize,
    ) -> anyhow::Result<[f64; 3]> {
        let requests: Vec<_> = (0..count)
            .map(|_| WorkspaceRequest {
                session: self.next_session(),
                source: Some(RepositorySource::Path(self.project.clone())),
                branch: None,
                commit: None,
                preference: vec![provider.to_string()],
            })
            .collect();
        let began = Instant::now();
        let made = requests.iter().map(|it| self.workspaces.provision(it));
        let made = try_join_all(made).await?;
        let ready = micros(began);
        let began = Instant::now();
        let changes = made.iter().map(|it| self.workspaces.changes(it));
        try_join_all(changes).await?;
        let diff = micros(began);
        let began = Instant::now();
        let removed = made.iter().map(|it| self.workspaces.remove(it.session));
        try_join_all(removed).await?;
        Ok([ready, diff, micros(began)])
    }

    /// Returns the duration of each step of git's worktrees at once.
    async fn steps_of_git(&self, count: usize) -> anyhow::Result<[f64; 3]> {
        let all: Vec<String> = (0..count)
            .map(|number| self.scratch.join(format!("worktree-{number}")))
            .map(|path| path.display().to_string())
            .collect();
        let began = Instant::now();
        // Git fails when several of these run at once, so only the checkouts do.
        let add = ["worktree", "add", "-q", "--detach", "--no-checkout"];
        for path in &all {
            git(&self.project, &[&add[..], &[path]].concat()).await?;
        }
        let added = all
            .iter()
            .map(async |path| git(Path::new(path), &["reset", "-q", "--hard"]).await);
        try_join_all(added).await?;
        let ready = micros(began);
        let began = Instant::now();
        let asked = all
            .iter()
            .map(async |path| git(Path::new(path), &["status", "--porcelain"]).await);
        try_join_all(asked).await?;
        let diff = micros(began);
        let began = Instant::now();
        let removed = all.iter().map(async |path| {
            let status = Command::new("rm").args(["-rf", path]).status().await?;
            ensure!(status.success(), "{path} could not be removed");
            Ok(())
        });
        try_join_all(removed).await?;
        git(&self.project, &["worktree", "prune"]).await?;
        Ok([ready, diff, micros(began)])
    }

    /// Returns the duration of a bare overlay mount on the repository's own checkout.
    fn bare_mount(&self) -> anyhow::Result<f64> {
        let folder = tempfile::tempdir_in(&self.scratch)?;
        let at = |name: &str| folder.path().join(name);
        for name in ["upper", "work", "merged"] {
            fs::create_dir(at(name))?;
        }
        let options = format!(
            "lowerdir={},upperdir={},workdir={}",
            self.project.display(),
            at("upper").display(),
            at("work").display()
        );
        let options = std::ffi::CString::new(options)?;
        let began = Instant::now();
        mount(
            "overlay",
            at("merged"),
            "overlay",
            MountFlags::empty(),
            &*options,
        )?;
        let took = micros(began);
        unmount(at("merged"), UnmountFlags::empty())?;
        Ok(took)
    }
}

fn micros(began: Instant) -> f64 {
    began.elapsed().as_secs_f64() * 1_000_000.0
}
