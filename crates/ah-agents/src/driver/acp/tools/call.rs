//! A tool call, merged from its updates.

use std::path::Path;

use serde_json::{Map, Value, json};

use crate::driver::acp::edits::FileChange;
use crate::driver::acp::output::{self, ToolReport};
use crate::driver::acp::quirks::{EarlyContent, InputKnown, Quirks, ToolName};
use ah_lifecycle::turns::leave_out_middle;

/// The maximum amount of terminal output to keep, in bytes.
const PRINTED_BYTES_MAX: usize = 256 * 1024;

/// The status of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Running,
    Completed,
    Failed,
}

impl Status {
    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed)
    }
}

/// A tool call.
#[derive(Debug)]
pub(super) struct ToolCall {
    pub(super) id: String,
    /// The name of the tool. It does not change once the call is announced.
    pub(super) name: String,
    pub(super) title: String,
    pub(super) status: Status,
    /// True once the use of the tool was reported.
    pub(super) is_announced: bool,
    /// True if permission was denied.
    pub(super) is_refused: bool,
    kind: String,
    /// True if the tool itself was named, not only its kind.
    is_named: bool,
    input: Map<String, Value>,
    locations: Vec<String>,
    changes: Vec<FileChange>,
    /// The text of its content.
    content: String,
    /// The output of its terminal.
    printed: String,
    terminal_exit: Option<i32>,
    raw_output: Value,
    /// True if the turn ended before the call.
    is_given_up: bool,
}

impl ToolCall {
    pub(super) fn new(id: &str, quirks: &Quirks) -> Self {
        let named = match quirks.tool_name {
            ToolName::IdBefore(mark) => id.split_once(mark).map(|(name, _)| name),
            _ => None,
        };
        Self {
            id: id.to_owned(),
            name: named.unwrap_or("other").to_owned(),
            title: String::new(),
            status: Status::Pending,
            is_announced: false,
            is_refused: false,
            // ACP, ToolKind: the default is `other`.
            kind: "other".to_owned(),
            is_named: named.is_some(),
            input: Map::new(),
            locations: Vec::new(),
            changes: Vec::new(),
            content: String::new(),
            printed: String::new(),
            terminal_exit: None,
            raw_output: Value::Null,
            is_given_up: false,
        }
    }

    /// Merges a `tool_call` or a `tool_call_update`. Missing fields keep their value.
    pub(super) fn merge(&mut self, update: &Value, quirks: &Quirks, workspace: &Path) {
        self.merge_fields(update, quirks, workspace);
        match update["status"].as_str() {
            Some("in_progress") => self.status = Status::Running,
            Some("completed") => self.status = Status::Completed,
            Some("failed") => self.status = Status::Failed,
            _ => {}
        }
        if let Some(content) = update["content"].as_array() {
            self.merge_text(content, quirks);
        }
        if !update["rawOutput"].is_null() {
            self.raw_output = update["rawOutput"].clone();
        }
        self.merge_terminal(&update["_meta"]);
    }

    /// Merges a permission request, whose text is the question and not the output.
    pub(super) fn merge_asked(&mut self, asked: &Value, quirks: &Quirks, workspace: &Path) {
        let title = std::mem::take(&mut self.title);
        self.merge_fields(asked, quirks, workspace);
        if !title.is_empty() {
            self.title = title;
        }
    }

    fn merge_fields(&mut self, update: &Value, quirks: &Quirks, workspace: &Path) {
        if let Some(kind) = update["kind"].as_str() {
            kind.clone_into(&mut self.kind);
        }
        if let Some(title) = update["title"].as_str() {
            title.clone_into(&mut self.title);
        }
        if let Some(input) = update["rawInput"].as_object() {
            self.input.extend(
                input
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone())),
            );
        }
        if let Some(locations) = update["locations"].as_array() {
            let paths = locations.iter().filter_map(|it| it["path"].as_str());
            self.locations = paths.map(ToOwned::to_owned).collect();
        }
        let content = update["content"].as_array();
        let changes: Vec<FileChange> = content
            .into_iter()
            .flatten()
            .filter(|content| content["type"] == "diff")
            .filter_map(|diff| FileChange::read(diff, workspace))
            .collect();
        // Content without a diff does not remove an earlier diff.
        if !changes.is_empty() {
            self.changes = changes;
        }
        self.name_tool(update, quirks);
    }

    /// Determines the best available name of the tool, until the call is announced.
    fn name_tool(&mut self, update: &Value, quirks: &Quirks) {
        if self.is_announced || self.is_named {
            return;
        }
        let meta = &update["_meta"];
        let told = [
            &update["name"],
            &meta["claudeCode"]["toolName"],
            &meta["toolName"],
            &meta["tool_name"],
        ]
        .into_iter()
        .find_map(Value::as_str);
        let in_title = match quirks.tool_name {
            ToolName::FirstTitle => Some(self.title.as_str()),
            ToolName::TitleBefore(mark) => self.title.split_once(mark).map(|(name, _)| name),
            ToolName::Kind | ToolName::IdBefore(_) => None,
        };
        let is_name = |text: &&str| !text.is_empty() && !text.contains(char::is_whitespace);
        match told.or(in_title.filter(is_name)) {
            Some(name) => {
                self.name = name.to_owned();
                self.is_named = true;
            }
            None => self.name.clone_from(&self.kind),
        }
    }

    fn merge_text(&mut self, content: &[Value], quirks: &Quirks) {
        let texts: Vec<&str> = content
            .iter()
            .filter(|content| content["type"] == "content")
            .filter_map(|content| content["content"]["text"].as_str())
            .collect();
        if texts.is_empty() {
            return;
        }
        let text = texts.join("\n");
        if self.status.is_over() || quirks.early_content == EarlyContent::Output {
            self.content = text;
        } else if self.input.is_empty()
            && let Ok(Value::Object(input)) = serde_json::from_str(&text)
        {
            self.input = input;
        }
    }

    /// Merges the output and exit of a terminal that the agent owns. codex-acp reports these
    /// outside of ACP, whose terminals belong to the client.
    fn merge_terminal(&mut self, meta: &Value) {
        if let Some(data) = meta["terminal_output_delta"]["data"].as_str() {
            self.printed.push_str(data);
            leave_out_middle(&mut self.printed, PRINTED_BYTES_MAX);
        }
        if let Some(code) = meta["terminal_exit"]["exit_code"].as_i64() {
            self.terminal_exit = i32::try_from(code).ok();
        }
    }

    /// Returns true if the input of the tool is complete.
    pub(super) fn input_is_known(&self, quirks: &Quirks) -> bool {
        let is_running = self.status == Status::Running;
        match quirks.input_known {
            InputKnown::WhenTold => {
                is_running || !self.input.is_empty() || !self.changes.is_empty()
            }
            InputKnown::WhenRunning => is_running,
            InputKnown::OnlyWhenTold => !self.input.is_empty(),
        }
    }

    /// Returns the input of the tool. If it is not reported, the known parts are returned, above
    /// all the files, because permission rules match on them.
    pub(super) fn args(&self) -> Map<String, Value> {
        if !self.input.is_empty() {
            return self.input.clone();
        }
        let mut args = Map::new();
        let mut paths = self.locations.clone();
        for change in &self.changes {
            let path = change.path().to_string_lossy().into_owned();
            if !paths.contains(&path) {
                paths.push(path);
            }
        }
        if !paths.is_empty() {
            args.insert("paths".to_owned(), json!(paths));
        }
        if !self.title.is_empty() {
            let name = if self.is_command() {
                "command"
            } else {
                "title"
            };
            args.insert(name.to_owned(), json!(self.title));
        }
        args
    }

    pub(super) fn is_command(&self) -> bool {
        self.kind == "execute"
    }

    /// Returns a description of the call.
    pub(super) fn description(&self, quirks: &Quirks) -> &str {
        match quirks.tool_name {
            // The title starts with the tool and its input.
            ToolName::TitleBefore(mark) => self.title.rsplit(mark).next().unwrap_or_default(),
            _ => &self.title,
        }
    }

    /// Returns the size of the output so far, in bytes.
    pub(super) fn has_printed(&self) -> usize {
        self.printed.len() + self.content.len()
    }

    /// Returns the last line of the output.
    pub(super) fn last_line(&self) -> String {
        /// The maximum length of a displayed line, in bytes.
        const LINE_BYTES_MAX: usize = 1024;
        let text = if self.printed.is_empty() {
            &self.content
        } else {
            &self.printed
        };
        let mut line = text.lines().last().unwrap_or_default().to_owned();
        leave_out_middle(&mut line, LINE_BYTES_MAX);
        line
    }

    /// Closes the call without a result.
    pub(super) fn give_up(&mut self) {
        self.status = Status::Failed;
        self.is_given_up = true;
    }

    pub(super) fn result(&self, quirks: &Quirks) -> output::Result {
        let told = ToolReport {
            content: &self.content,
            raw: &self.raw_output,
            printed: &self.printed,
            terminal_exit: self.terminal_exit,
            is_completed: self.status == Status::Completed,
            is_command: self.is_command(),
        };
        let mut result = told.result(quirks);
        if self.is_given_up {
            let why = if self.is_refused {
                "[permission denied]"
            } else {
                "[the turn ended before the tool]"
            };
            if !result.output.is_empty() && !result.output.ends_with('\n') {
                result.output.push('\n');
            }
            result.output.push_str(why);
        }
        result
    }

    /// Returns the file changes of the call.
    pub(super) fn changes(&self, workspace: &Path) -> Vec<FileChange> {
        if self.kind != "edit" && self.changes.is_empty() {
            return Vec::new();
        }
        let mut changes = self.changes.clone();
        if changes.is_empty() {
            changes.extend(FileChange::read_other(
                &self.raw_output,
                &self.input,
                workspace,
            ));
        }
        if let [change] = &mut changes[..] {
            change.add_previous(&self.raw_output);
        }
        changes
    }
}
