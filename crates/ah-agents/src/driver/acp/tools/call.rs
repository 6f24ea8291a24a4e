//! A tool call, merged from its updates.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::asked::Asked;
use super::report::{
    commands_differ, inputs_differ, read_changes, read_input, read_locations, read_name,
};
use crate::driver::acp::content::{binaries, shown_text};
use crate::driver::acp::edits::FileChange;
use crate::driver::acp::output::{self, ToolReport};
use crate::driver::acp::quirks::{EarlyContent, InputKnown, Quirks, ToolName};
use ah_lifecycle::turns::{Binary, leave_out_middle};

/// The maximum amount of terminal output to keep, in bytes.
const PRINTED_BYTES_MAX: usize = 256 * 1024;

/// The status of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Pending,
    Running,
    Completed,
    Failed,
    /// Ended before its end, by the agent or its user.
    Cancelled,
}

impl Status {
    pub(super) fn read(update: &Value) -> Option<Self> {
        match update["status"].as_str()? {
            "pending" => Some(Self::Pending),
            "in_progress" => Some(Self::Running),
            "completed" => Some(Self::Completed),
            "failed" => Some(Self::Failed),
            "cancelled" | "canceled" => Some(Self::Cancelled),
            _ => None,
        }
    }

    pub(super) const fn is_over(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }
}

/// A tool call.
#[derive(Clone, Debug)]
pub(super) struct AgentCall {
    /// Its id in the log, which no other call of the session has.
    pub(super) id: String,
    /// The agent's id of it. Agents reuse their ids.
    pub(super) agent_id: String,
    /// The name of the tool. It does not change once the call is announced.
    pub(super) name: String,
    pub(super) title: String,
    pub(super) status: Status,
    /// True once the use of the tool was reported.
    pub(super) is_announced: bool,
    /// True while a permission request for it is pending.
    pub(super) is_waiting: bool,
    /// True if permission was denied.
    pub(super) is_refused: bool,
    /// True if the agent began it without a turn.
    pub(super) began_between_turns: bool,
    /// True if its turn was cancelled while it was open.
    pub(super) is_cancelled: bool,
    kind: String,
    /// True if the tool itself was named, not only its kind.
    is_named: bool,
    /// The name that the agent told, apart from titles and ids.
    told_name: Option<String>,
    input: Map<String, Value>,
    locations: Vec<String>,
    changes: Vec<FileChange>,
    /// The text of its content.
    content: String,
    /// The output of its terminal.
    printed: String,
    terminal_exit: Option<i32>,
    raw_output: Value,
    /// The images, sounds and documents of its output.
    binaries: Vec<Binary>,
    /// The number of those for which there was no room.
    left_out: usize,
    /// True if the turn ended before the call.
    is_given_up: bool,
}

impl AgentCall {
    /// Creates a call with the log's `id` and the agent's.
    pub(super) fn new(id: String, agent_id: &str, quirks: &Quirks) -> Self {
        let named = match quirks.tool_name {
            ToolName::IdBefore(mark) => agent_id.split_once(mark).map(|(name, _)| name),
            _ => None,
        };
        Self {
            id,
            agent_id: agent_id.to_owned(),
            name: named.unwrap_or("other").to_owned(),
            title: String::new(),
            status: Status::Pending,
            is_announced: false,
            is_waiting: false,
            is_refused: false,
            began_between_turns: false,
            is_cancelled: false,
            // ACP, ToolKind: the default is `other`.
            kind: "other".to_owned(),
            is_named: named.is_some(),
            told_name: None,
            input: Map::new(),
            locations: Vec::new(),
            changes: Vec::new(),
            content: String::new(),
            printed: String::new(),
            terminal_exit: None,
            raw_output: Value::Null,
            binaries: Vec::new(),
            left_out: 0,
            is_given_up: false,
        }
    }

    /// Merges a `tool_call` or a `tool_call_update`. Missing fields keep their value.
    pub(super) fn merge(&mut self, update: &Value, quirks: &Quirks, workspace: &Path) {
        self.merge_fields(update, quirks, workspace);
        match Status::read(update) {
            // A call that runs does not go back to waiting.
            None | Some(Status::Pending) => {}
            Some(status) => {
                self.status = status;
                self.is_given_up = false;
            }
        }
        if let Some(content) = update["content"].as_array() {
            self.merge_text(content, quirks);
        }
        if !update["rawOutput"].is_null() {
            self.raw_output = update["rawOutput"].clone();
        }
        self.merge_terminal(&update["_meta"]);
    }

    /// Merges a permission request. Its text is the question and not the output, and its title
    /// describes the request and does not name the tool.
    pub(super) fn merge_asked(&mut self, asked: &Asked) {
        if let Some(kind) = &asked.kind {
            self.kind.clone_from(kind);
        }
        if self.title.is_empty() {
            self.title = asked.title.clone().unwrap_or_default();
        }
        self.input.extend(asked.input.clone());
        if !asked.locations.is_empty() {
            self.locations.clone_from(&asked.locations);
        }
        if !asked.changes.is_empty() {
            self.changes.clone_from(&asked.changes);
        }
        if self.is_announced || self.is_named {
            return;
        }
        match &asked.name {
            Some(name) => {
                self.name.clone_from(name);
                self.is_named = true;
            }
            None => self.name.clone_from(&self.kind),
        }
    }

    fn merge_fields(&mut self, update: &Value, quirks: &Quirks, workspace: &Path) {
        if let Some(kind) = update["kind"].as_str() {
            kind.clone_into(&mut self.kind);
        }
        if let Some(title) = update["title"].as_str() {
            title.clone_into(&mut self.title);
        }
        self.input.extend(read_input(update));
        if update["locations"].is_array() {
            self.locations = read_locations(update);
        }
        let changes = read_changes(update, workspace);
        // Content without a diff does not remove an earlier diff.
        if !changes.is_empty() {
            self.changes = changes;
        }
        if self.told_name.is_none() {
            self.told_name = read_name(update).map(str::to_owned);
        }
        self.name_tool(update, quirks);
    }

    /// Determines the best available name of the tool, until the call is announced.
    fn name_tool(&mut self, update: &Value, quirks: &Quirks) {
        if self.is_announced || self.is_named {
            return;
        }
        let told = read_name(update);
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
        let texts: Vec<String> = content
            .iter()
            .filter(|content| content["type"] == "content")
            .filter_map(|content| shown_text(&content["content"]))
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

    /// Merges the images, sounds and documents of an update, as far as there is `room`, in bytes.
    pub(super) fn merge_binaries(&mut self, update: &Value, mut room: usize) {
        let found = [&update["content"], &update["rawOutput"]].map(binaries);
        for binary in found.into_iter().flatten() {
            // Many agents send the content again with each update, and also as their raw output.
            if self.binaries.iter().any(|known| known.data == binary.data) {
                continue;
            }
            if binary.data.len() > room {
                self.left_out += 1;
            } else {
                room -= binary.data.len();
                self.binaries.push(binary);
            }
        }
    }

    /// Returns the size of the images, sounds and documents that are held, in bytes.
    pub(super) fn held(&self) -> usize {
        self.binaries.iter().map(|binary| binary.data.len()).sum()
    }

    /// Takes the images, sounds and documents of the output.
    pub(super) fn take_binaries(&mut self) -> Vec<Binary> {
        std::mem::take(&mut self.binaries)
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

    /// Returns true if `update` is of another tool, or has another command.
    pub(super) fn is_another_than(&self, update: &Value) -> bool {
        let kind = update["kind"].as_str().unwrap_or("other");
        let has_other_name = self
            .told_name
            .as_deref()
            .zip(read_name(update))
            .is_some_and(|(known, told)| known != told);
        let has_other_kind = kind != "other" && self.kind != "other" && kind != self.kind;
        has_other_kind || has_other_name || commands_differ(&self.input, &read_input(update))
    }

    /// Returns false if `update` describes another call: one of another tool or command or, if it
    /// announces a call, with another input or title.
    pub(super) fn fits(&self, update: &Value) -> bool {
        if self.is_another_than(update) {
            return false;
        }
        let input = read_input(update);
        if update["sessionUpdate"] != "tool_call" {
            // The input of an open call may grow.
            return !self.is_given_up || !inputs_differ(&input, &self.input);
        }
        let title = update["title"].as_str().unwrap_or_default();
        let is_retitled = input.is_empty()
            && self.input.is_empty()
            && !title.is_empty()
            && !self.title.is_empty()
            && title != self.title;
        !is_retitled && !inputs_differ(&input, &self.input)
    }

    /// The kind of the tool, in the words of ACP.
    pub(super) fn kind(&self) -> &str {
        &self.kind
    }

    /// Returns true if the tool itself was named, not only its kind.
    pub(super) const fn is_named(&self) -> bool {
        self.is_named
    }

    /// The reported input.
    pub(super) const fn input(&self) -> &Map<String, Value> {
        &self.input
    }

    /// Returns every path that the call reports besides its input.
    pub(super) fn places(&self) -> Vec<String> {
        let changed = self.changes.iter().map(FileChange::path_text);
        self.locations.iter().cloned().chain(changed).collect()
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
        for path in self.changes.iter().map(FileChange::path_text) {
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

    /// Returns true if the call was closed without a report of its end.
    pub(super) const fn is_given_up(&self) -> bool {
        self.is_given_up
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
        let note = match self.status {
            _ if self.is_given_up && self.is_refused => Some("[permission denied]"),
            _ if self.is_given_up => Some("[the turn ended before the tool]"),
            Status::Cancelled => Some("[cancelled]"),
            _ => None,
        };
        if let Some(why) = note {
            if !result.output.is_empty() && !result.output.ends_with('\n') {
                result.output.push('\n');
            }
            result.output.push_str(why);
        }
        if self.left_out > 0 {
            let note = format!(
                "\n[{} attachments were too large to be kept]",
                self.left_out
            );
            result.output.push_str(&note);
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
