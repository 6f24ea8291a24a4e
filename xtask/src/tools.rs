//! Cargo subcommands that the suite needs, installed into the target folder.

use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use crate::workspace::{self, Workspace};

/// A cargo subcommand, by its package and pinned version.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tool {
    package: &'static str,
    version: &'static str,
}

/// Checks licences, bans and sources against `deny.toml`.
pub(crate) const DENY: Tool = Tool {
    package: "cargo-deny",
    version: "0.20.2",
};

/// Finds unused and misplaced dependencies, and source files that are part of no crate.
pub(crate) const SHEAR: Tool = Tool {
    package: "cargo-shear",
    version: "1.12.4",
};

impl Tool {
    /// Returns a command that runs the tool in the root, after installing it if necessary.
    ///
    /// Returns `None` with a notice if it cannot be installed. With `CI` set, that is an error.
    pub(crate) fn command(self, workspace: &Workspace) -> anyhow::Result<Option<Command>> {
        match self.install(workspace) {
            Ok(program) => {
                let mut command = Command::new(program);
                command.current_dir(workspace.root());
                Ok(Some(command))
            }
            Err(error) if env::var_os("CI").is_none() => {
                eprintln!(
                    "  {} cannot be installed, so its checks are skipped: {error:#}",
                    self.package
                );
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the program, which a folder named after the version keeps for later runs.
    fn install(self, workspace: &Workspace) -> anyhow::Result<PathBuf> {
        let tools = workspace.metadata()?.target_directory.join("tools");
        let root = tools.join(format!("{}-{}", self.package, self.version));
        let program = root.join("bin").join(self.package);
        if program.is_file() {
            return Ok(program.into());
        }
        eprintln!("  installing {} {} once", self.package, self.version);
        let build = tools.join("build");
        // Without optimisation and debug info, each tool builds in about a minute on two cores.
        workspace::run(
            workspace
                .cargo()
                .args(["install", "--quiet", "--locked", "--debug", self.package])
                .args(["--version", self.version])
                .arg("--root")
                .arg(&root)
                .arg("--target-dir")
                .arg(&build)
                .env("CARGO_PROFILE_DEV_DEBUG", "0"),
        )?;
        fs::remove_dir_all(&build).with_context(|| format!("failed to remove {build}"))?;
        Ok(program.into())
    }
}
