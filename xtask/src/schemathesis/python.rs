//! A Python program in its own environment in the target folder.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;

use super::FOLDER;
use crate::workspace::{Workspace, output_of};

/// A copy of the requirements, written once all of them are installed.
const INSTALLED: &str = "installed.txt";

/// Returns the program `st`, after installing the pinned requirements if necessary.
pub(super) fn program(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let requirements = workspace.root().join(FOLDER).join("requirements.txt");
    let environment = workspace.target_folder()?.join("schemathesis");
    let wanted = fs::read(&requirements)
        .with_context(|| format!("failed to read {}", requirements.display()))?;
    let installed = environment.join(INSTALLED);
    let program = environment.join("bin").join("st");
    if fs::read(&installed).is_ok_and(|installed| installed == wanted) {
        return Ok(program);
    }
    output_of(
        Command::new("python3")
            .args(["-m", "venv", "--clear"])
            .arg(&environment),
    )
    .context("failed to create a Python environment; python3 with its module venv is required")?;
    output_of(
        Command::new(environment.join("bin").join("python"))
            .args(["-m", "pip", "install", "--quiet", "--requirement"])
            .arg(&requirements),
    )
    .context("failed to install schemathesis")?;
    fs::write(&installed, wanted).context("failed to record the installation")?;
    Ok(program)
}
