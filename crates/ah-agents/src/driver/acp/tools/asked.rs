//! The tool call of a permission request, in the words of the request.

use std::path::Path;

use serde_json::{Map, Value};

use super::report;
use crate::driver::acp::content::shown_text;
use crate::driver::acp::edits::FileChange;

/// The kinds of tools that say what a tool does (ACP, `ToolKind`). `other` says nothing.
const KINDS: [&str; 9] = [
    "read",
    "edit",
    "delete",
    "move",
    "search",
    "execute",
    "think",
    "fetch",
    "switch_mode",
];

/// The tool call of a permission request. A field that the request omits is empty.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) kind: Option<String>,
    /// The name of the tool, besides its kind.
    pub(super) name: Option<String>,
    pub(super) title: Option<String>,
    pub(super) input: Map<String, Value>,
    pub(super) locations: Vec<String>,
    pub(super) changes: Vec<FileChange>,
    /// The text of the question.
    pub(super) text: String,
}

impl Asked {
    pub(super) fn read(tool_call: &Value, workspace: &Path) -> Self {
        let content = tool_call["content"].as_array().into_iter().flatten();
        let texts: Vec<String> = content
            .filter(|content| content["type"] == "content")
            .filter_map(|content| shown_text(&content["content"]))
            .collect();
        let word = |name: &str| tool_call[name].as_str().map(ToOwned::to_owned);
        Self {
            kind: word("kind"),
            name: report::read_name(tool_call).map(ToOwned::to_owned),
            title: word("title").filter(|title| !title.is_empty()),
            input: report::read_input(tool_call),
            locations: report::read_locations(tool_call),
            changes: report::read_changes(tool_call, workspace),
            text: texts.join("\n"),
        }
    }

    /// Returns true if the request says what a tool is to do, and not only a title.
    pub(super) fn describes_tool(&self) -> bool {
        self.specific_kind().is_some()
            || self.name.is_some()
            || !self.input.is_empty()
            || !self.locations.is_empty()
            || !self.changes.is_empty()
    }

    pub(super) fn specific_kind(&self) -> Option<&str> {
        self.kind.as_deref().and_then(specific)
    }

    pub(super) fn has_command(&self) -> bool {
        self.input.iter().any(|(name, value)| {
            report::COMMANDS.contains(&name.to_lowercase().as_str())
                && (value.is_string() || value.is_array())
        })
    }

    /// Returns the paths that the request names besides its input.
    pub(super) fn places(&self) -> impl Iterator<Item = String> {
        let changed = self.changes.iter().map(FileChange::path_text);
        self.locations.iter().cloned().chain(changed)
    }
}

/// Returns the kind, unless it says nothing.
pub(super) fn specific(kind: &str) -> Option<&str> {
    KINDS.contains(&kind).then_some(kind)
}

/// Returns the kind that a tool's name begins with: `read` for `read`, `Read`, `readFile` and
/// `read_file`.
pub(super) fn kind_in_name(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| {
        let Some((head, rest)) = name.split_at_checked(kind.len()) else {
            return false;
        };
        head.eq_ignore_ascii_case(kind) && !rest.starts_with(|it: char| it.is_ascii_lowercase())
    })
}
