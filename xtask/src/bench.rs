//! Builds the measured programs in the release profile and runs the benchmark.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::workspace::{self, Workspace};

/// How the benchmark is run.
#[derive(Args)]
pub(crate) struct Options {
    /// Print the raw figures as JSON instead of the table of ratios.
    #[arg(long)]
    json: bool,
    /// Take fewer and shorter rounds: enough to see that it runs, too few to quote.
    #[arg(long)]
    quick: bool,
}

/// Runs the benchmark of `crates/ah-bench` against the `ah` binary of the same build.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    // One command builds both, so that they share one set of features and of dependencies.
    workspace::run(workspace.cargo().args([
        "build",
        "--release",
        "--locked",
        "--package",
        "ah-cli",
        "--package",
        "ah-bench",
    ]))?;
    let metadata = workspace.metadata()?;
    let release = metadata["target_directory"]
        .as_str()
        .map(|folder| PathBuf::from(folder).join("release"))
        .context("cargo metadata names no target directory")?;
    let bench = release.join("ah-bench");
    let mut command = workspace.command(&bench.to_string_lossy());
    command.arg("--ah").arg(release.join("ah"));
    if options.json {
        command.arg("--json");
    }
    if options.quick {
        command.arg("--quick");
    }
    workspace::run(&mut command)
}
