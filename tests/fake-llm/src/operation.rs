//! Translation of an abstract operation into a call of an offered tool.
//!
//! The tool is found by its name, its arguments by its JSON schema. Without a tool for files, the
//! operation becomes a patch where the agent accepts patches, or else a command.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::conversation::Tool;
use crate::script::Operation;

/// The names of tools for each kind of operation, in lower case.
const SHELL: &[&str] = &[
    "bash",
    "developer__shell",
    "exec_command",
    "execute_bash",
    "execute_command",
    "local_shell",
    "run_command",
    "run_commands",
    "run_shell_command",
    "run_terminal_cmd",
    "shell",
    "shell_command",
    "terminal",
];
const WRITE: &[&str] = &[
    "create",
    "create_file",
    "save",
    "write",
    "write_file",
    "writefile",
];
const READ: &[&str] = &["read", "read_file", "readfile", "view"];
const EDIT: &[&str] = &[
    "edit",
    "edit_file",
    "replace",
    "search_replace",
    "str_replace",
    "strreplacefile",
];
/// The name of a tool for all file operations, with the operation in its argument `command`.
const EDITOR: &[&str] = &[
    "developer__text_editor",
    "file_editor",
    "str_replace_based_edit_tool",
    "str_replace_editor",
    "text_editor",
];

/// The names of arguments for each purpose.
const PATH: &[&str] = &[
    "file_path",
    "filePath",
    "path",
    "absolute_path",
    "filename",
    "file",
];
const CONTENT: &[&str] = &["content", "file_text", "contents", "text"];
const OLD: &[&str] = &["old_string", "oldString", "old_str", "oldText", "old"];
const NEW: &[&str] = &["new_string", "newString", "new_str", "newText", "new"];
const COMMAND: &[&str] = &["command", "cmd", "commands"];
const BACKGROUND: &[&str] = &["run_in_background", "is_background"];
const PATCH: &[&str] = &["input", "patch", "patchText"];

/// A tool call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScriptedCall {
    pub(crate) name: String,
    pub(crate) namespace: Option<String>,
    pub(crate) input: Input,
}

/// The input of a tool call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Input {
    Arguments(Map<String, Value>),
    Text(String),
}

impl ScriptedCall {
    fn of(tool: &Tool, input: Input) -> Self {
        Self {
            name: tool.name.clone(),
            namespace: tool.namespace.clone(),
            input,
        }
    }

    fn with(tool: &Tool, arguments: Map<String, Value>) -> Self {
        Self::of(tool, Input::Arguments(arguments))
    }

    /// Returns the input in dialects that have arguments only.
    pub(crate) fn arguments(&self) -> Map<String, Value> {
        match &self.input {
            Input::Arguments(arguments) => arguments.clone(),
            Input::Text(text) => Map::from_iter([("input".to_owned(), json!(text))]),
        }
    }
}

/// The names of a purpose, and the value for it.
type Arguments<'a> = (&'static [&'static str], &'a str);

/// Returns the call that performs `operation` with one of `tools`.
///
/// # Errors
/// A message, if no tool can perform it, or if the tool needs an absolute path and the workspace is
/// unknown.
pub(crate) fn call_for(
    operation: &Operation,
    tools: &[Tool],
    workspace: Option<&Path>,
) -> Result<ScriptedCall, String> {
    if let Some(tool) = find(tools, names_for(operation)) {
        return with_own_tool(operation, tool, workspace);
    }
    let is_about_a_file = !matches!(operation, Operation::Shell { .. });
    if is_about_a_file && let Some(editor) = find(tools, EDITOR) {
        return with_editor(operation, editor, workspace);
    }
    if let Some(patch) = patch_for(operation)
        && let Some(tool) = tools.iter().find(|tool| tool.name == "apply_patch")
    {
        let input = if tool.takes_text {
            Input::Text(patch)
        } else {
            Input::Arguments(arguments(&tool.schema, &[(PATCH, &patch)]))
        };
        return Ok(ScriptedCall::of(tool, input));
    }
    with_command(operation, tools)
}

const fn names_for(operation: &Operation) -> &'static [&'static str] {
    match operation {
        Operation::Shell { .. } => SHELL,
        Operation::Write { .. } => WRITE,
        Operation::Read { .. } => READ,
        Operation::Edit { .. } => EDIT,
    }
}

fn find<'a>(tools: &'a [Tool], names: &[&str]) -> Option<&'a Tool> {
    tools
        .iter()
        .filter(|tool| !tool.takes_text)
        .find(|tool| names.contains(&tool.name.to_lowercase().as_str()))
}

fn with_own_tool(
    operation: &Operation,
    tool: &Tool,
    workspace: Option<&Path>,
) -> Result<ScriptedCall, String> {
    let arguments = match operation {
        Operation::Shell {
            command,
            background,
        } => {
            let mut arguments = arguments(&tool.schema, &[(COMMAND, command)]);
            if *background {
                let known = BACKGROUND.iter().find(|name| tool.argument(name).is_some());
                let name =
                    known.ok_or_else(|| format!("`{}` has no background commands", tool.name))?;
                arguments.insert((*name).to_owned(), json!(true));
            }
            arguments
        }
        Operation::Read { path } => {
            arguments(&tool.schema, &[(PATH, &whole(path, workspace, tool)?)])
        }
        Operation::Write { path, content } => {
            let path = whole(path, workspace, tool)?;
            arguments(&tool.schema, &[(PATH, &path), (CONTENT, content)])
        }
        Operation::Edit { path, old, new } => {
            let path = whole(path, workspace, tool)?;
            edit_arguments(tool, &path, old, new)
        }
    };
    Ok(ScriptedCall::with(tool, arguments))
}

/// Returns the arguments of an edit: beside the path, in an object below it, or in a list of these.
fn edit_arguments(tool: &Tool, path: &str, old: &str, new: &str) -> Map<String, Value> {
    let nested = |field: &str, value: Value| {
        let mut outer = json!({"properties": {}});
        outer["properties"] = tool.schema["properties"].clone();
        let mut arguments = arguments(&outer, &[(PATH, path)]);
        arguments.insert(field.to_owned(), value);
        arguments
    };
    if let Some(edits) = tool.argument("edits") {
        let edit = arguments(&edits["items"], &[(OLD, old), (NEW, new)]);
        nested("edits", json!([edit]))
    } else if tool.argument("edit").is_some() {
        nested("edit", json!({"old": old, "new": new}))
    } else {
        arguments(&tool.schema, &[(PATH, path), (OLD, old), (NEW, new)])
    }
}

fn with_editor(
    operation: &Operation,
    tool: &Tool,
    workspace: Option<&Path>,
) -> Result<ScriptedCall, String> {
    let mut arguments = arguments(&tool.schema, &[]);
    let mut set = |name: &str, value: &str| arguments.insert(name.to_owned(), json!(value));
    match operation {
        Operation::Shell { .. } => return Err(format!("{} runs no commands", tool.name)),
        Operation::Read { path } => {
            set("command", "view");
            set("path", &whole(path, workspace, tool)?);
        }
        Operation::Write { path, content } => {
            set("command", "create");
            set("path", &whole(path, workspace, tool)?);
            set("file_text", content);
        }
        Operation::Edit { path, old, new } => {
            set("command", "str_replace");
            set("path", &whole(path, workspace, tool)?);
            set("old_str", old);
            set("new_str", new);
        }
    }
    Ok(ScriptedCall::with(tool, arguments))
}

/// Returns the operation as a patch in Codex's form; `None` if it changes no file.
fn patch_for(operation: &Operation) -> Option<String> {
    let body = match operation {
        Operation::Write { path, content } => {
            let lines: String = content.lines().map(|line| format!("+{line}\n")).collect();
            format!("*** Add File: {path}\n{lines}")
        }
        Operation::Edit { path, old, new } => {
            format!("*** Update File: {path}\n@@\n-{old}\n+{new}\n")
        }
        Operation::Shell { .. } | Operation::Read { .. } => return None,
    };
    Some(format!("*** Begin Patch\n{body}*** End Patch\n"))
}

/// Returns the operation as a command, which runs in the workspace by default.
fn with_command(operation: &Operation, tools: &[Tool]) -> Result<ScriptedCall, String> {
    let command = match operation {
        Operation::Shell { command, .. } => command.clone(),
        Operation::Read { path } => format!("cat {}", quoted(path)),
        Operation::Write { path, content } => {
            format!("printf %s {} > {}", quoted(content), quoted(path))
        }
        Operation::Edit { path, old, new } => {
            format!(
                "sed -i {} {}",
                quoted(&format!("s|{old}|{new}|")),
                quoted(path)
            )
        }
    };
    if let Some(shell) = find(tools, SHELL) {
        return Ok(ScriptedCall::with(
            shell,
            arguments(&shell.schema, &[(COMMAND, &command)]),
        ));
    }
    // Codex in the mode with a single tool that takes a script.
    if let Some(cell) = tools
        .iter()
        .find(|tool| tool.takes_text && tool.name == "exec")
    {
        let script = format!(
            "const r = await tools.exec_command({{cmd: {}}}); text(r.output ?? r);",
            json!(command)
        );
        return Ok(ScriptedCall::of(cell, Input::Text(script)));
    }
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    Err(format!(
        "none of the tools {} can do {operation:?}",
        names.join(", ")
    ))
}

/// Fills the arguments of a schema.
///
/// Each wanted value gets the first of its names that the schema has. Other required arguments get
/// a value of the right type.
fn arguments(schema: &Value, wanted: &[Arguments<'_>]) -> Map<String, Value> {
    let properties = schema["properties"].as_object();
    let mut arguments = Map::new();
    for (names, value) in wanted {
        let Some(properties) = properties else {
            arguments.insert(names[0].to_owned(), json!(value));
            continue;
        };
        let known = names
            .iter()
            .find_map(|name| Some((name, properties.get(*name)?)));
        if let Some((name, property)) = known {
            let is_list = property["type"] == "array";
            let value = match is_list {
                true if COMMAND[..2].contains(name) => json!(["bash", "-lc", value]),
                true => json!([value]),
                false => json!(value),
            };
            arguments.insert((*name).to_owned(), value);
        }
    }
    let required = schema["required"].as_array().into_iter().flatten();
    for name in required.filter_map(Value::as_str) {
        if !arguments.contains_key(name) {
            let property = properties.and_then(|properties| properties.get(name));
            arguments.insert(name.to_owned(), anything(name, property));
        }
    }
    arguments
}

/// Returns a value that the schema of an argument accepts.
fn anything(name: &str, property: Option<&Value>) -> Value {
    let Some(property) = property else {
        return json!(format!("a {name}"));
    };
    if let Some(first) = property["enum"].get(0) {
        return first.clone();
    }
    match property["type"].as_str() {
        Some("boolean") => json!(false),
        Some("integer" | "number") => json!(1),
        Some("array") => json!([]),
        Some("object") => json!({}),
        _ => json!(format!("a {name}")),
    }
}

fn whole(path: &str, workspace: Option<&Path>, tool: &Tool) -> Result<String, String> {
    if Path::new(path).is_absolute() {
        return Ok(path.to_owned());
    }
    let workspace = workspace.ok_or_else(|| {
        format!(
            "`{}` needs an absolute path for {path}; put [[cwd:/the/workspace]] into the prompt",
            tool.name
        )
    })?;
    Ok(workspace.join(path).display().to_string())
}

/// Quotes a word of a command line.
fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests;
