//! Which crate may depend on which, and that what is declared is used.

mod edges;
mod graph;
mod manifests;
mod unused;

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;

use crate::findings::Findings;
use crate::workspace::{self, Workspace};
use graph::Graph;

/// Checks the rules, and with `cargo deny`, where it is installed, licences, bans and sources.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let graph = Graph::from_metadata(&workspace.metadata()?)?;
    let mut findings = Findings::default();
    edges::check(&graph, &mut findings);
    let sources = rust_sources(workspace)?;
    edges::check_wiring(&sources, &mut findings);
    for package in graph.members() {
        let folder = workspace::relative(workspace.root(), &package.manifest)?;
        let folder = folder
            .parent()
            .context("a package manifest has no parent folder")?;
        unused::check(package, folder, &sources, &mut findings);
        manifests::check_member(
            &package.name,
            &read(workspace, &folder.join("Cargo.toml"))?,
            &mut findings,
        );
    }
    manifests::check_root(
        &read(workspace, Path::new("Cargo.toml"))?,
        &graph,
        &mut findings,
    );
    findings.conclude()?;
    cargo_deny(workspace)
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

fn read(workspace: &Workspace, file: &Path) -> anyhow::Result<String> {
    workspace
        .text(file)?
        .with_context(|| format!("{} is not UTF-8", file.display()))
}

fn cargo_deny(workspace: &Workspace) -> anyhow::Result<()> {
    let installed =
        |command: &mut Command| command.output().is_ok_and(|output| output.status.success());
    if !installed(workspace.cargo().args(["deny", "--version"])) {
        eprintln!(
            "  cargo deny is not installed: licences, bans and sources of deny.toml were not checked"
        );
        return Ok(());
    }
    workspace::run(workspace.cargo().args([
        "deny",
        "--offline",
        "check",
        "bans",
        "licenses",
        "sources",
    ]))
}
