//! The parts of an agent's report about a tool call.

use std::path::Path;

use serde_json::{Map, Value};

use crate::driver::acp::edits::FileChange;

/// The names of arguments that hold a command.
pub(super) const COMMANDS: [&str; 4] = ["command", "commands", "cmd", "script"];

/// Returns the name of the tool in an update or a request.
pub(super) fn read_name(update: &Value) -> Option<&str> {
    let meta = &update["_meta"];
    [
        &update["name"],
        &meta["claudeCode"]["toolName"],
        &meta["toolName"],
        &meta["tool_name"],
    ]
    .into_iter()
    .find_map(Value::as_str)
}

/// Returns the input of an update or a request. An input that is no object becomes the field
/// `input`.
pub(super) fn read_input(update: &Value) -> Map<String, Value> {
    match &update["rawInput"] {
        Value::Null => Map::new(),
        Value::Object(input) => input.clone(),
        other => Map::from_iter([("input".to_owned(), other.clone())]),
    }
}

pub(super) fn read_locations(update: &Value) -> Vec<String> {
    let locations = update["locations"].as_array().into_iter().flatten();
    let path = |place: &Value| place["path"].as_str().or(place.as_str()).map(str::to_owned);
    locations.filter_map(path).collect()
}

pub(super) fn read_changes(update: &Value, workspace: &Path) -> Vec<FileChange> {
    let content = update["content"].as_array().into_iter().flatten();
    content
        .filter(|content| content["type"] == "diff")
        .filter_map(|diff| FileChange::read(diff, workspace))
        .collect()
}

/// Returns true if two inputs have different commands. One that is still growing is the start of
/// the other.
pub(super) fn commands_differ(one: &Map<String, Value>, other: &Map<String, Value>) -> bool {
    COMMANDS.iter().any(|name| {
        let text = |input: &Map<String, Value>| {
            input.get(*name).and_then(Value::as_str).map(str::to_owned)
        };
        text(one)
            .zip(text(other))
            .is_some_and(|(one, other)| !one.starts_with(&other) && !other.starts_with(&one))
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
