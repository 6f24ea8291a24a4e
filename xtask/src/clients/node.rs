//! The npm packages of the clients.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use super::copy;
use crate::workspace::output_of;

/// The files that npm and the compiler read.
const FILES: [&str; 9] = [
    ".npmrc",
    "browser.mjs",
    "package-lock.json",
    "package.json",
    "play.ts",
    "readers.mjs",
    "refused.ts",
    "spectral.yaml",
    "tsconfig.json",
];

/// A copy of the lock file, written once everything in it is installed.
const INSTALLED: &str = "installed.json";

/// Copies the files of `from` to `to` and installs the packages of the lock file there.
pub(super) fn install(from: &Path, to: &Path) -> anyhow::Result<()> {
    for file in FILES {
        copy(&from.join(file), &to.join(file))?;
    }
    let lock = fs::read(to.join("package-lock.json")).context("failed to read the lock file")?;
    if fs::read(to.join(INSTALLED)).is_ok_and(|installed| installed == lock) {
        return Ok(());
    }
    output_of(
        Command::new("npm")
            .current_dir(to)
            .args(["ci", "--no-audit", "--no-fund"]),
    )
    .context("failed to install the npm packages of tests/clients; node and npm are required")?;
    fs::write(to.join(INSTALLED), lock).context("failed to record the installation")
}
