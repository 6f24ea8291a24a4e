//! The arguments and the context of a tool use.

use std::process::Stdio;

use ah_scenario::Defines;
use serde_json::{Map, Value};
use tokio::process::Command;

use crate::scenario_agent::workspace::AgentFolder;

/// The context of a tool use.
pub(crate) struct ToolContext<'a> {
    pub(crate) workspace: &'a AgentFolder,
    /// The prompt of the turn.
    pub(crate) prompt: &'a str,
    pub(crate) defines: &'a Defines,
}

/// The arguments of a tool.
pub(super) struct Args<'a> {
    pub(super) args: &'a Map<String, Value>,
    pub(super) context: &'a ToolContext<'a>,
}

impl Args<'_> {
    /// Returns the text under the first of these names that is present. A number or a boolean is
    /// converted to its text: YAML reads `cmd: true` as a boolean.
    pub(super) fn text(&self, names: &[&str]) -> Result<Option<String>, String> {
        let Some((name, value)) = names
            .iter()
            .find_map(|name| self.args.get(*name).map(|value| (name, value)))
        else {
            return Ok(None);
        };
        match value {
            Value::String(text) => Ok(Some(text.clone())),
            Value::Number(_) | Value::Bool(_) => Ok(Some(value.to_string())),
            Value::Null => Ok(None),
            Value::Array(_) | Value::Object(_) => Err(format!("`{name}` must be a text")),
        }
    }

    pub(super) fn required(&self, names: &[&str]) -> Result<String, String> {
        self.text(names)?.ok_or_else(|| missing(names))
    }

    pub(super) fn flag(&self, name: &str) -> Result<bool, String> {
        match self.args.get(name) {
            None | Some(Value::Null) => Ok(false),
            Some(Value::Bool(flag)) => Ok(*flag),
            Some(_) => Err(format!("`{name}` must be true or false")),
        }
    }

    /// Returns a command in the workspace. The prompt and the defines are in its environment, and
    /// never part of its text.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .current_dir(self.context.workspace.root())
            .env("AH_PROMPT", self.context.prompt)
            .stdin(Stdio::null());
        for (name, value) in self.context.defines.iter() {
            command.env(format!("AH_DEFINE_{name}"), value);
        }
        command
    }
}

pub(super) fn missing(names: &[&str]) -> String {
    format!(
        "`{}` is missing",
        names.first().copied().unwrap_or_default()
    )
}
