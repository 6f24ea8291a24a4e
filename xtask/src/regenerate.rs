//! `cargo xtask regenerate`: every committed file that is generated.
//!
//! A test compares each generated file with its source, and the same test writes the file when a
//! variable in its environment says so. The queries of the embedded store are described by
//! compiling it.

use crate::sqlx;
use crate::workspace::{self, Workspace};

/// Filters for the names of the tests that write generated files.
const WRITERS: [&str; 13] = [
    "acp",
    "commands",
    "description",
    "follow",
    "help",
    "lifecycle",
    "operations",
    "queries",
    "reference",
    "refusals",
    "resolve",
    "shapes",
    "sources",
];

/// The treatment of generated files.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Writes what differs.
    Write,
    /// Writes nothing and fails if a file differs.
    Check,
}

/// Writes or compares every generated file: descriptions of queries, the OpenAPI document, the
/// tables in `docs/`, and the snapshots of shapes, texts and helps.
///
/// # Errors
/// If a file cannot be generated or, with [`Mode::Check`], is out of date.
pub(crate) fn run(workspace: &Workspace, mode: Mode) -> anyhow::Result<()> {
    sqlx::run(mode == Mode::Check)?;
    let mut command = workspace.cargo();
    // The whole workspace, as in the suite, so that the built tests are shared with it.
    command.args(["test", "--workspace", "--locked", "--quiet"]);
    command.args(["--lib", "--bins", "--test", "it", "--"]);
    command.args(WRITERS);
    match mode {
        Mode::Write => {
            command.env("INSTA_UPDATE", "always");
            command.env("UPDATE_DOCS", "1");
        }
        Mode::Check => {
            command.env("INSTA_UPDATE", "no");
        }
    }
    workspace::run(&mut command)
}
