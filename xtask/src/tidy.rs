//! Rules about files that no compiler checks.

mod decisions;
mod links;
mod text;
mod tree;

use std::path::{Path, PathBuf};

use anyhow::Context;

use crate::findings::Findings;
use crate::workspace::Workspace;

/// A file of the work tree, by its path relative to the root.
pub(crate) struct File {
    path: PathBuf,
    text: String,
}

impl File {
    fn has_extension(&self, extension: &str) -> bool {
        self.path
            .extension()
            .is_some_and(|found| found == extension)
    }
}

/// Checks every text file that git has or would have.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let mut files = Vec::new();
    for path in workspace.files()? {
        if let Some(text) = workspace.text(&path)? {
            files.push(File { path, text });
        }
    }
    let mut findings = Findings::default();
    let machine = machine_paths(workspace.root()).context("failed to tell this machine's paths")?;
    for file in &files {
        text::check(file, &machine, &mut findings);
    }
    tree::check(&files, &mut findings);
    links::check(
        &files,
        |path| workspace.root().join(path).exists(),
        &mut findings,
    );
    decisions::check(&files, &mut findings);
    findings.conclude()
}

/// The folders of this machine that no file has any business to name: the work tree itself, and
/// the one above it unless that is one which every machine has.
fn machine_paths(root: &Path) -> anyhow::Result<Vec<String>> {
    const EVERYWHERE: &[&str] = &[
        "/", "/home", "/root", "/tmp", "/var/tmp", "/usr/src", "/srv",
    ];
    let shown = |path: &Path| path.to_str().map(str::to_owned);
    let own = shown(root).context("the project's path is not UTF-8")?;
    let above = root
        .parent()
        .and_then(shown)
        .filter(|above| !EVERYWHERE.contains(&above.as_str()))
        .map(|above| above + "/");
    Ok([own].into_iter().chain(above).collect())
}

#[cfg(test)]
pub(crate) fn file(path: &str, text: &str) -> File {
    File {
        path: path.into(),
        text: text.to_owned(),
    }
}
