//! The agent programs that the system tests run, as `tests/agents` names them.
//!
//! npm installs them into the target folder, from the lock file and from nothing else. The tests
//! look for them there; where they are not, they skip what needs them, in words.

use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail};

use crate::workspace::{self, Workspace};

/// What is copied to where npm works: which programs, each package of them, and npm's settings.
const FILES: [&str; 3] = ["package.json", "package-lock.json", ".npmrc"];

/// A copy of the lock file, written when everything in it is installed.
const INSTALLED: &str = "installed.json";

/// The one program that its own script has to finish. The settings have npm run no package's
/// script, since others compile what nobody needs.
const TO_FINISH: &str = "opencode-ai";

/// Installs the programs, where npm is. Where CI is set, it has to be.
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
    eprintln!(
        "  npm is not installed: the tests with real agent programs will say that they are skipped"
    );
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
    // Whatever is half installed from here on is not taken for what the lock file says.
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
    fs::write(to.join(INSTALLED), lock).context("failed to note what is installed")
}

/// Where they are installed; the tests know it as well (`crates/ah-cli/tests/system/real_agents`).
fn folder(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    Ok(workspace.target_folder()?.join("agents"))
}

fn npm(folder: &Path) -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder);
    command
}
