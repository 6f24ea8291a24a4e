//! Rules about files that no compiler checks.

mod decisions;
mod links;
mod text;
mod words;

use std::fs;
use std::path::PathBuf;

use anyhow::Context;
use clap::Args;

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

/// Options of `cargo xtask tidy`.
#[derive(Args)]
pub(crate) struct Options {
    /// Lower the allowed counts of headless doc lines and banned words to those that are left
    #[arg(long)]
    update: bool,
    /// Print the counts of headless doc lines and banned words of each crate
    #[arg(long)]
    report: bool,
}

/// Checks every text file that git tracks or would track.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    let files = files(workspace)?;
    if options.report {
        print!("{}", words::report(&files));
    }
    if options.update {
        let lowered = words::lowered(&files, &allowed_words(workspace)?)?;
        fs::write(workspace.root().join(words::TABLE), lowered)
            .with_context(|| format!("failed to write {}", words::TABLE))?;
    }
    check(workspace, &files)
}

/// Checks without options, as a step of the suite.
pub(crate) fn verify(workspace: &Workspace) -> anyhow::Result<()> {
    check(workspace, &files(workspace)?)
}

fn check(workspace: &Workspace, files: &[File]) -> anyhow::Result<()> {
    let mut findings = Findings::default();
    let root = workspace
        .root()
        .to_str()
        .context("the project's path is not UTF-8")?;
    for file in files {
        text::check(file, root, &mut findings);
    }
    links::check(
        files,
        |path| workspace.root().join(path).exists(),
        &mut findings,
    );
    decisions::check(files, &mut findings);
    words::check(files, &allowed_words(workspace)?, &mut findings);
    findings.conclude()
}

fn files(workspace: &Workspace) -> anyhow::Result<Vec<File>> {
    let mut files = Vec::new();
    for path in workspace.files()? {
        if let Some(text) = workspace.text(&path)? {
            files.push(File { path, text });
        }
    }
    Ok(files)
}

fn allowed_words(workspace: &Workspace) -> anyhow::Result<words::Table> {
    let text = workspace.text(words::TABLE.as_ref())?;
    words::table(&text.with_context(|| format!("{} is not UTF-8", words::TABLE))?)
}

#[cfg(test)]
pub(crate) fn file(path: &str, text: &str) -> File {
    File {
        path: path.into(),
        text: text.to_owned(),
    }
}
