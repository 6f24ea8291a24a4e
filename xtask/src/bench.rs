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
    let release = ["--release", "--package", "ah-cli", "--package", "ah-bench"];
    measure(workspace, &release, "release", &options.arguments)
}

/// Runs every part of the benchmark once, shortly, in the profile and with the features of the
/// tests. It asserts no figure: a benchmark that is never run stops working.
pub(crate) fn smoke(workspace: &Workspace) -> anyhow::Result<()> {
    let few = ["--quick", "--sessions", "200", "--readers", "20"].map(OsString::from);
    measure(workspace, &["--workspace"], "debug", &few)
}

/// Builds the programs with `flags` into `folder`, and runs the benchmark with `arguments`.
fn measure(
    workspace: &Workspace,
    flags: &[&str],
    folder: &str,
    arguments: &[OsString],
) -> anyhow::Result<()> {
    // A single command, so that both binaries share one set of features and dependencies.
    workspace::run(workspace.cargo().args(["build", "--locked"]).args(flags))?;
    let built = workspace.target_folder()?.join(folder);
    let mut command = workspace.command(&built.join("ah-bench").to_string_lossy());
    command.arg("--ah").arg(built.join("ah"));
    command.args(arguments);
    workspace::run(&mut command)
}
