//! The tool call of a permission request, in the words of the request.
//!
//! Agents reuse the ids of their calls, so the call that was announced with the id of a request may
//! be another one. The request is therefore judged and shown by its own words. The announced call
//! adds what the request omits; where the two differ, the policy judges both.

use std::path::Path;

use ah_lifecycle::turns::OtherClaims;
use ah_rest_api_contract::PermissionSubject;
use serde_json::{Map, Value, json};

use super::call::{self, ToolCall};
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

/// The names of arguments that hold a command.
const COMMANDS: [&str; 4] = ["command", "commands", "cmd", "script"];

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
            name: call::read_name(tool_call).map(ToOwned::to_owned),
            title: word("title").filter(|title| !title.is_empty()),
            input: call::read_input(tool_call),
            locations: call::read_locations(tool_call),
            changes: call::read_changes(tool_call, workspace),
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

    /// Returns true if the request is about another call than `announced`.
    pub(super) fn contradicts(&self, announced: &ToolCall) -> bool {
        let other_kind = self
            .specific_kind()
            .zip(specific(announced.kind()))
            .is_some_and(|(asked, announced)| asked != announced);
        let other_name = self
            .name
            .as_ref()
            .is_some_and(|name| announced.is_named() && *name != announced.name);
        other_kind || other_name || inputs_differ(&self.input, announced.input())
    }

    fn specific_kind(&self) -> Option<&str> {
        self.kind.as_deref().and_then(specific)
    }

    fn has_command(&self) -> bool {
        self.input.iter().any(|(name, value)| {
            COMMANDS.contains(&name.to_lowercase().as_str())
                && (value.is_string() || value.is_array())
        })
    }

    /// Returns the paths that the request names besides its input.
    fn places(&self) -> impl Iterator<Item = String> {
        let changed = self.changes.iter().map(FileChange::path_text);
        self.locations.iter().cloned().chain(changed)
    }

    /// Returns the name of the tool. `call` is the call that the request is about.
    fn tool_name(&self, call: &ToolCall) -> String {
        match (&self.name, &self.kind) {
            (Some(name), _) => name.clone(),
            (None, Some(kind)) if !call.is_named() => kind.clone(),
            (None, _) if call.name != "other" => call.name.clone(),
            (None, Some(kind)) => kind.clone(),
            (None, None) if self.has_command() => "execute".to_owned(),
            (None, None) if !self.changes.is_empty() => "edit".to_owned(),
            (None, None) => "other".to_owned(),
        }
    }

    /// Returns the arguments to show: the input of the request, and the paths that it adds.
    fn tool_args(&self, call: &ToolCall, workspace: &str) -> Map<String, Value> {
        if self.input.is_empty() {
            return self.args_without_input(call);
        }
        let mut args = self.input.clone();
        let named = paths_of(&args, workspace);
        let mut added: Vec<String> = Vec::new();
        for place in self.places() {
            let place = paths_of(&paths(&[place]), workspace);
            added.extend(place.into_iter().filter(|path| !named.contains(path)));
        }
        added.dedup();
        if !added.is_empty() {
            let name = if args.contains_key("paths") {
                "request_paths"
            } else {
                "paths"
            };
            args.insert(name.to_owned(), json!(added));
        }
        args
    }

    fn args_without_input(&self, call: &ToolCall) -> Map<String, Value> {
        let mut args = call.args();
        let mut places: Vec<String> = self.places().collect();
        places.dedup();
        if !places.is_empty() && !args.contains_key("paths") {
            args.insert("paths".to_owned(), json!(places));
        }
        let is_command = self.kind.as_deref().unwrap_or(call.kind()) == "execute";
        let name = if is_command { "command" } else { "title" };
        if let Some(title) = self.title.as_ref().filter(|title| **title != call.title) {
            // A command that is known already is not replaced by a description of it.
            let name = if args.contains_key(name) {
                "title"
            } else {
                name
            };
            args.entry(name).or_insert_with(|| json!(title));
        }
        if !self.text.is_empty() && call.input().is_empty() {
            args.entry("text").or_insert_with(|| json!(self.text));
        }
        args
    }

    /// Returns the name and arguments that the request is shown with, and what it is judged by
    /// besides these.
    ///
    /// `call` is the call that the request is about. `announced` is the call that was announced
    /// with the same id, if the request contradicts it.
    pub(super) fn judged(
        &self,
        call: &ToolCall,
        announced: Option<&ToolCall>,
        workspace: &Path,
    ) -> (String, Map<String, Value>, OtherClaims) {
        let workspace = workspace.to_string_lossy();
        let tool_name = self.tool_name(call);
        let tool_args = self.tool_args(call, &workspace);
        let mut other = OtherClaims::default();
        if let Some(kind) = specific(self.kind.as_deref().unwrap_or(call.kind()))
            && kind_in_name(&tool_name).is_some_and(|named| named != kind)
        {
            other.names.push(kind.to_owned());
        }
        if self.name.is_none() && !call.is_named() && self.has_command() {
            other.names.push("execute".to_owned());
        }
        other.names.extend(announced.map(|call| call.name.clone()));
        other.names.retain(|name| *name != tool_name);
        for known in std::iter::once(call).chain(announced) {
            other.paths.extend(paths_of(known.input(), &workspace));
            other.paths.extend(known.places());
        }
        (tool_name, tool_args, other)
    }
}

/// Returns the kind, unless it says nothing.
fn specific(kind: &str) -> Option<&str> {
    KINDS.contains(&kind).then_some(kind)
}

/// Returns the kind that a tool's name begins with: `read` for `read`, `Read`, `readFile` and
/// `read_file`.
fn kind_in_name(name: &str) -> Option<&'static str> {
    KINDS.into_iter().find(|kind| {
        let Some((head, rest)) = name.split_at_checked(kind.len()) else {
            return false;
        };
        head.eq_ignore_ascii_case(kind) && !rest.starts_with(|it: char| it.is_ascii_lowercase())
    })
}

/// Returns true if two inputs belong to different calls: a text in both differs.
pub(super) fn inputs_differ(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    one.iter()
        .any(|(name, value)| match (value, other.get(name)) {
            (Value::String(one), Some(Value::String(other))) => one != other,
            _ => false,
        })
}

fn paths(paths: &[String]) -> Map<String, Value> {
    Map::from_iter([("paths".to_owned(), json!(paths))])
}

fn paths_of(args: &Map<String, Value>, workspace: &str) -> Vec<String> {
    PermissionSubject::of_tool("", args, workspace).paths
}
