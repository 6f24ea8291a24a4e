//! Rules about files that no compiler checks.

mod decisions;
mod links;
mod text;
mod tree;

use std::path::PathBuf;

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
    let root = workspace
        .root()
        .to_str()
        .context("the project's path is not UTF-8")?;
    for file in &files {
        text::check(file, root, &mut findings);
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

#[cfg(test)]
pub(crate) fn file(path: &str, text: &str) -> File {
    File {
        path: path.into(),
        text: text.to_owned(),
    }
}
