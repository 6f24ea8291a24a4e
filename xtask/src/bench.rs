//! Builds the measured programs in the release profile and runs the benchmark.

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

use crate::workspace::{self, Workspace};

/// How the benchmark is run.
#[derive(Args)]
pub(crate) struct Options {
    /// What the benchmark is told, such as `--quick`, `--json` or `--only requests`; `-- --help`
    /// lists it.
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
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
    command.args(&options.arguments);
    workspace::run(&mut command)
}
