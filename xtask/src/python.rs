//! Python programs in an environment of their own in the target folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context as _;

use crate::workspace::{Workspace, output_of};

/// A copy of the requirements, written once all of them are installed.
const INSTALLED: &str = "installed.txt";

/// Returns the folder of the programs of the environment `name`, after installing the pinned
/// `requirements`, a file relative to the root, if necessary.
pub(crate) fn programs(
    workspace: &Workspace,
    name: &str,
    requirements: &Path,
) -> anyhow::Result<PathBuf> {
    let requirements = workspace.root().join(requirements);
    let environment = workspace.target_folder()?.join(name);
    let wanted = fs::read(&requirements)
        .with_context(|| format!("failed to read {}", requirements.display()))?;
    let installed = environment.join(INSTALLED);
    let programs = environment.join("bin");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(programs);
    }
    output_of(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )
    .context("failed to create a Python environment; python3 with its module venv is required")?;
    output_of(
        Command::new(programs.join("python"))
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements),
    )
    .with_context(|| format!("failed to install {}", requirements.display()))?;
    fs::write(&installed, wanted).context("failed to record the installation")?;
    Ok(programs)
}
