//! Builds the measured programs in the release profile and runs the benchmark.

use std::ffi::OsString;

use clap::Args;

use crate::workspace::{self, Workspace};

/// Options of `cargo xtask bench`.
#[derive(Args)]
pub(crate) struct Options {
    /// Arguments of the benchmark, such as `--quick` or `--only requests`; `-- --help` lists them
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}

/// Runs the benchmark of `crates/ah-bench` against the `ah` binary of the same build.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    // A single command, so that both binaries share one set of features and dependencies.
    workspace::run(workspace.cargo().args([
        "build",
        "--release",
        "--locked",
        "--package",
        "ah-cli",
        "--package",
        "ah-bench",
    ]))?;
    let release = workspace.target_folder()?.join("release");
    let bench = release.join("ah-bench");
    let mut command = workspace.command(&bench.to_string_lossy());
    command.arg("--ah").arg(release.join("ah"));
    command.args(&options.arguments);
    workspace::run(&mut command)
}
