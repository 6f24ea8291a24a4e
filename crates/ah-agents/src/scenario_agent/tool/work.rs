//! The work and the result of a tool use.

use std::fs;
use std::path::PathBuf;

use ah_rest_api_contract::{FileEdit, Plan, ToolOutcome};
use tokio::process::Command;

use crate::scenario_agent::edit::file_edit;

/// The work of a tool use.
pub(crate) enum ToolWork {
    /// A command to run, whose output is the tool's output.
    Command(Command),
    /// A command to run that may change this file.
    EditingCommand(Command, WatchedFile),
    /// A finished tool use.
    Done(Ran),
    /// The agent has no such tool, so only the scenario's result can be reported. The reason as
    /// text.
    NotHere(&'static str),
}

/// The result of a tool that was run.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) output: String,
    pub(crate) outcome: ToolOutcome,
    pub(crate) edit: Option<FileEdit>,
    pub(crate) plan: Option<Plan>,
}

impl Ran {
    pub(crate) const fn completed(output: String) -> Self {
        Self {
            output,
            outcome: ToolOutcome::Completed,
            edit: None,
            plan: None,
        }
    }

    pub(crate) const fn failed(output: String) -> Self {
        Self {
            output,
            outcome: ToolOutcome::Failed,
            edit: None,
            plan: None,
        }
    }
}

/// A file, and its content before a command that may change it.
pub(crate) struct WatchedFile {
    pub(super) path: String,
    pub(super) file: PathBuf,
    pub(super) before: String,
}

impl WatchedFile {
    /// Returns the change that the command made to the file, if any.
    pub(crate) fn edit(&self) -> Option<FileEdit> {
        let after = fs::read_to_string(&self.file).ok()?;
        (after != self.before).then(|| file_edit(&self.path, &self.before, &after))
    }
}
