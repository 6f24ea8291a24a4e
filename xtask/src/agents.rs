//! The agent programs that the system tests run, as listed in `tests/agents`.
//!
//! npm installs them into the target folder, from the lock file only. Tests that find a program
//! missing there say so and skip it.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::workspace::{self, Workspace};

/// Files copied to the folder in which npm works: the programs, the lock file and npm's settings.
const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// A copy of the lock file, written once everything in it is installed.
const INSTALLED: &str = "installed.json";

/// The one package whose install script is needed.
///
/// The settings disable all scripts, since those of other packages compile unused parts.
const TO_FINISH: &str = "opencode-ai";

/// Installs the programs if npm is installed. With `CI` set, a missing npm is an error.
pub(crate) fn install(workspace: &Workspace) -> anyhow::Result<()> {
    let has_npm = Command::new("npm")
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    if has_npm || env::var_os("CI").is_some() {
        return require(workspace);
    }
    eprintln!("  npm is not installed, so the tests with real agent programs are skipped");
    Ok(())
}

/// Installs the programs.
pub(crate) fn require(workspace: &Workspace) -> anyhow::Result<()> {
    let from = workspace.root().join("tests/agents");
    let to = folder(workspace)?;
    let lock = fs::read(from.join("package-lock.json")).context("failed to read the lock file")?;
    if fs::read(to.join(INSTALLED)).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    fs::create_dir_all(&to).with_context(|| format!("failed to make {}", to.display()))?;
    // An interrupted installation must not look complete.
    if let Err(error) = fs::remove_file(to.join(INSTALLED))
        && error.kind() != io::ErrorKind::NotFound
    {
        bail!("failed to remove {INSTALLED} in {}: {error}", to.display());
    }
    for file in FILES {
        fs::copy(from.join(file), to.join(file))
            .with_context(|| format!("failed to copy {file} to {}", to.display()))?;
    }
    workspace::run(npm(&to).args(["ci", "--no-audit", "--no-fund"]))?;
    workspace::run(npm(&to).args(["rebuild", TO_FINISH, "--ignore-scripts=false"]))?;
    fs::write(to.join(INSTALLED), lock).context("failed to record the installation")
}

/// The folder of the programs, which `crates/ah-cli/tests/system/real_agents` reads as well.
fn folder(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    Ok(workspace.target_folder()?.join("agents"))
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    command
}
