//! `cargo xtask crates`: the published crates, as others get them.
//!
//! Each is packaged, unpacked and compiled in a workspace of the unpacked ones. It must not need a
//! file or a setting of the project.

use std::fmt::Write as _;
use std::fs;
use std::process::Command;

use anyhow::{Context as _, ensure};

use crate::workspace::{self, Workspace, output_of};

/// The crates for use outside of the project.
const PUBLISHED: [&str; 6] = [
    "ah-conformance",
    "ah-lifecycle",
    "ah-rest-api-contract",
    "ah-rest-client",
    "ah-rest-mock-client",
    "ah-scenario",
];
/// The folder of the unpacked crates, in the target folder.
const UNPACKED: &str = "unpacked";

/// Packages the crates, unpacks them and compiles the result.
///
/// # Errors
/// A crate cannot be packaged, or does not compile on its own.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let metadata = workspace.metadata()?;
    let published = metadata.workspace_packages();
    let published = published
        .iter()
        // An empty list of registries means that the package is not published.
        .filter(|package| package.publish.as_ref().is_none_or(|to| !to.is_empty()));
    let mut names: Vec<_> = published.map(|package| package.name.to_string()).collect();
    names.sort();
    ensure!(names == PUBLISHED, "the published crates are {names:?}");
    let mut package = workspace.cargo();
    // The compiler runs once for all of them, below.
    package.args(["package", "--no-verify", "--allow-dirty", "--quiet"]);
    for name in PUBLISHED {
        package.args(["--package", name]);
    }
    output_of(&mut package)?;
    let target = workspace.target_folder()?;
    let folder = target.join(UNPACKED);
    fs::create_dir_all(&folder).context("failed to make the folder of the crates")?;
    let mut manifest = "[workspace]\nresolver = \"3\"\nmembers = [\"ah-*\"]\n\n\
                        [patch.crates-io]\n"
        .to_owned();
    for name in PUBLISHED {
        let versioned = format!("{name}-{}", env!("CARGO_PKG_VERSION"));
        let archive = target.join("package").join(format!("{versioned}.crate"));
        let to = folder.join(&versioned);
        if to.exists() {
            fs::remove_dir_all(&to).context("failed to remove the crates of the last run")?;
        }
        output_of(
            Command::new("tar")
                .args(["--extract", "--gzip", "--file"])
                .arg(&archive)
                .arg("--directory")
                .arg(&folder),
        )?;
        // Writing to a string cannot fail.
        writeln!(manifest, "{name} = {{ path = \"{versioned}\" }}").unwrap_or_default();
    }
    fs::write(folder.join("Cargo.toml"), manifest).context("failed to write the manifest")?;
    // With the versions of the project, so that nothing is downloaded or compiled anew.
    fs::copy(
        workspace.root().join("Cargo.lock"),
        folder.join("Cargo.lock"),
    )
    .context("failed to copy the lock file")?;
    workspace::run(
        workspace
            .cargo()
            .current_dir(&folder)
            .args(["check", "--quiet", "--workspace", "--offline"])
            .arg("--target-dir")
            .arg(&target),
    )?;
    for name in ["ah-rest-api-contract", "ah-rest-client"] {
        let tree = output_of(
            workspace
                .cargo()
                .current_dir(&folder)
                .args(["tree", "--offline", "--edges", "normal", "--prefix", "none"])
                .args(["--package", name]),
        )?;
        let lines = tree.lines().map(|line| line.trim_end_matches(" (*)"));
        let crates: std::collections::BTreeSet<&str> = lines.collect();
        println!("  {name}: {} crates with itself", crates.len());
    }
    Ok(())
}
