//! Rules on packages: permitted and used dependencies, and complete published crates.

mod edges;
mod graph;
mod manifests;
mod published;

use std::path::PathBuf;
use std::process::Command;

use anyhow::Context as _;
use cargo_metadata::Metadata;

use crate::findings::Findings;
use crate::tools;
use crate::workspace::{self, Workspace};
use graph::Graph;

/// Checks the rules of this crate, then those of `cargo shear` and `cargo deny`.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let metadata = workspace.metadata()?;
    let mut findings = Findings::default();
    edges::check(&Graph::new(&metadata)?, &mut findings);
    edges::check_names(&rust_sources(workspace)?, &mut findings);
    check_manifests(&metadata, &mut findings)?;
    published::check(&metadata, &mut findings);
    findings.conclude()?;
    published::package(workspace, &metadata)?;
    if let Some(mut shear) = tools::SHEAR.command(workspace)? {
        workspace::run(shear.args(["shear", "--locked", "--deny-warnings"]))?;
    }
    deny(workspace)
}

/// Every Rust source file of the work tree with its text.
fn rust_sources(workspace: &Workspace) -> anyhow::Result<Vec<(PathBuf, String)>> {
    let mut sources = Vec::new();
    for file in workspace.files()? {
        if file.extension().is_some_and(|extension| extension == "rs")
            && let Some(text) = workspace.text(&file)?
        {
            sources.push((file, text));
        }
    }
    Ok(sources)
}

fn check_manifests(metadata: &Metadata, findings: &mut Findings) -> anyhow::Result<()> {
    for package in metadata.workspace_packages() {
        let manifest = &package.manifest_path;
        let text = std::fs::read_to_string(manifest)
            .with_context(|| format!("failed to read {manifest}"))?;
        let table = text
            .parse()
            .with_context(|| format!("failed to parse {manifest}"))?;
        manifests::check_member(&package.name, &table, findings);
    }
    Ok(())
}

/// Checks licences, bans and sources, and advisories where their database can be fetched.
fn deny(workspace: &Workspace) -> anyhow::Result<()> {
    let deny = |words: &[&str]| -> anyhow::Result<Option<Command>> {
        let mut command = tools::DENY.command(workspace)?;
        if let Some(command) = &mut command {
            command
                .args(["--log-level", "error", "--locked"])
                .args(words);
        }
        Ok(command)
    };
    let Some(mut check) = deny(&["check", "bans", "licenses", "sources"])? else {
        return Ok(());
    };
    workspace::run(&mut check)?;
    let fetched = deny(&["fetch", "db"])?.map(|mut fetch| workspace::output_of(&mut fetch));
    match (fetched, deny(&["check", "advisories"])?) {
        (Some(Ok(_)), Some(mut check)) => workspace::run(&mut check),
        _ => {
            eprintln!("  advisories are not checked: their database cannot be fetched");
            Ok(())
        }
    }
}
