//! Summaries of events in one line of text.

use serde_json::{Map, Value};

use super::{
    EventPayload, FileEdit, Message, MessageRole, Plan, SessionUpdate, StatusChange, ToolResult,
    ToolUse, TurnChange, UnknownEvent, Usage,
};
use crate::session::excerpt;
use crate::{
    ChangeSummary, ContentBlock, LAST_MESSAGE_CHARS_MAX, PermissionRequested, PermissionResolved,
};

/// The names of the most informative arguments of tools, in order of preference.
const INFORMATIVE_ARGUMENTS: [&str; 13] = [
    "command",
    "cmd",
    "file_path",
    "filePath",
    "path",
    "pattern",
    "query",
    "url",
    "prompt",
    "description",
    "title",
    "name",
    "dir",
];
/// The arguments that contain a command.
const COMMANDS: [&str; 2] = ["command", "cmd"];
/// The maximum length of a tool's argument in a summary, in characters.
const ARGUMENT_CHARS_MAX: usize = 120;

impl EventPayload {
    /// Returns the event as one line of plain text of any length.
    ///
    /// All clients share this rendering. The text comes from the agent: escape it before printing
    /// it to a terminal.
    #[must_use]
    pub fn summary(&self) -> String {
        let words = match self {
            Self::Status(change) => change.summary(),
            Self::Turn(turn) => turn.summary(),
            Self::SessionUpdate(update) => update.summary(),
            Self::Log(log) => format!("{} {}", log.level, log.message),
            Self::Message(message) => format!("{}: {}", message.role, message.text()),
            Self::Thought(thought) => thought.thought.clone(),
            Self::ToolUse(used) => used.summary(),
            Self::ToolResult(result) => result.summary(),
            Self::FileEdit(edit) => edit.summary(),
            Self::Diff(diff) => diff.path.clone(),
            Self::PermissionRequest(request) => {
                format!("{} {}", request.request_id, request.summary())
            }
            Self::PermissionResolved(resolved) => resolved.summary(),
            Self::Plan(plan) => plan.summary(),
            Self::Usage(usage) => usage.summary().unwrap_or_else(|| "nothing".to_owned()),
            Self::Progress(progress) => format!("{} % {}", progress.progress, progress.stage),
            Self::Error(error) => error.message.clone(),
            Self::Unknown(event) => event.summary(),
        };
        one_line(&words)
    }
}

impl StatusChange {
    fn summary(&self) -> String {
        let mut words = match self.previous {
            Some(previous) => format!("{previous} → {}", self.status),
            None => self.status.to_string(),
        };
        if let Some(reason) = &self.reason {
            words.push_str(&format!(": {reason}"));
        }
        if let Some(code) = self.exit_code {
            words.push_str(&format!(" (exit code {code})"));
        }
        if let Some(signal) = self.signal {
            words.push_str(&format!(" (signal {signal})"));
        }
        words
    }
}

impl TurnChange {
    fn summary(&self) -> String {
        match self.stop_reason {
            Some(reason) => format!("{} ({reason})", self.state),
            None => self.state.to_string(),
        }
    }
}

impl SessionUpdate {
    fn summary(&self) -> String {
        let changes = self.changes.map(|changes| {
            let ChangeSummary {
                files_changed,
                lines_added,
                lines_removed,
            } = changes;
            let noun = if files_changed == 1 { "file" } else { "files" };
            format!("changes {files_changed} {noun} +{lines_added} -{lines_removed}")
        });
        let workspace = self.workspace.as_ref();
        let parts = [
            workspace.map(|workspace| format!("workspace {}", workspace.path.display())),
            self.commit
                .as_ref()
                .map(|commit| format!("commit {commit}")),
            self.agent_version
                .as_ref()
                .map(|version| format!("agent version {version}")),
            self.started_at.map(|at| format!("started at {at}")),
            self.activity.map(|activity| format!("activity {activity}")),
            self.reason
                .as_ref()
                .map(|reason| format!("reason: {reason}")),
            changes,
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl Message {
    /// Returns the text of the message, one line per content block. A block without text is shown
    /// as its name in brackets.
    #[must_use]
    pub fn text(&self) -> String {
        let text: Vec<String> = self.content.iter().map(ContentBlock::summary).collect();
        text.join("\n")
    }

    /// Returns the value of [`Session::last_message`](crate::Session::last_message) after this
    /// message; `None` if it leaves the value as it is, since it is a user's or has no text.
    #[must_use]
    pub fn excerpt(&self) -> Option<String> {
        let text = self.text();
        let text = text.trim();
        let counts = self.role == MessageRole::Assistant && !text.is_empty();
        counts.then(|| excerpt(text, LAST_MESSAGE_CHARS_MAX))
    }
}

impl ContentBlock {
    /// Returns the text of the block, or its kind and name in brackets.
    #[must_use]
    pub fn summary(&self) -> String {
        match self {
            Self::Text { text } => text.clone(),
            Self::Image { uri, mime_type, .. } => {
                let name = uri.as_deref().or(mime_type.as_deref()).unwrap_or("picture");
                format!("[picture: {name}]")
            }
            Self::Audio { mime_type, .. } => format!("[sound: {mime_type}]"),
            Self::Resource { resource } => format!("[document: {}]", resource.uri),
            Self::ResourceLink { name, uri, .. } => format!("[{name}: {uri}]"),
            Self::Unknown => "[content of an unknown kind]".to_owned(),
        }
    }
}

impl ToolUse {
    /// Returns the tool and its most informative argument in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} {}", self.tool_name, self.argument())
    }

    /// Returns the most informative argument in one line, such as the command or the path. If none
    /// is known, returns all arguments as `name=value`. At most 120 characters.
    #[must_use]
    pub fn argument(&self) -> String {
        telling_argument(&self.tool_args)
    }

    /// Returns true if the arguments contain a command.
    #[must_use]
    pub fn runs_a_command(&self) -> bool {
        COMMANDS
            .iter()
            .any(|name| self.tool_args.contains_key(*name))
    }
}

impl PermissionRequested {
    /// Returns the tool and its most informative argument in one line.
    #[must_use]
    pub fn summary(&self) -> String {
        format!("{} {}", self.tool_name, self.argument())
    }

    /// Returns the most informative argument of the tool, as [`ToolUse::argument`] does.
    #[must_use]
    pub fn argument(&self) -> String {
        telling_argument(&self.tool_args)
    }
}

impl PermissionResolved {
    fn summary(&self) -> String {
        let option = self.option_id.as_deref().unwrap_or("no option");
        let Self {
            request_id,
            outcome,
            by,
            ..
        } = self;
        format!("{request_id} {outcome}: {option}, by {by}")
    }
}

impl ToolResult {
    fn summary(&self) -> String {
        let code = self.exit_code.map(|code| format!(" (exit {code})"));
        let last_line = self
            .tool_output
            .lines()
            .rev()
            .find(|line| !line.trim().is_empty());
        let attachments = match self.attachments.len() {
            0 => String::new(),
            1 => ", 1 attachment".to_owned(),
            count => format!(", {count} attachments"),
        };
        format!(
            "{} {}{}{attachments}  {}",
            self.tool_name,
            self.status,
            code.unwrap_or_default(),
            last_line.unwrap_or_default()
        )
    }
}

impl FileEdit {
    fn summary(&self) -> String {
        format!(
            "+{} -{} {}  {}",
            self.lines_added,
            self.lines_removed,
            self.file_path,
            self.description.as_deref().unwrap_or_default()
        )
    }
}

impl Plan {
    fn summary(&self) -> String {
        let steps: Vec<&str> = self
            .entries
            .iter()
            .map(|entry| entry.content.as_str())
            .collect();
        steps.join("; ")
    }
}

impl Usage {
    /// Returns the usage as `1,234 tokens in, 56 out, $0.0123`; `None` if there is none.
    #[must_use]
    pub fn summary(&self) -> Option<String> {
        if self.input_tokens == 0 && self.output_tokens == 0 && self.cost_usd.is_none() {
            return None;
        }
        let mut words = format!("{} tokens in", grouped(self.input_tokens));
        if let Some(cached) = self.cached_tokens.filter(|cached| *cached > 0) {
            words.push_str(&format!(" ({} cached)", grouped(cached)));
        }
        words.push_str(&format!(", {} out", grouped(self.output_tokens)));
        if let Some(cost) = self.cost_usd {
            words.push_str(&format!(", ${cost:.4}"));
        }
        Some(words)
    }
}

impl UnknownEvent {
    fn summary(&self) -> String {
        telling_argument(self.fields())
    }
}

/// Formats a number with a comma between groups of three digits.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Joins the words of a text with single spaces.
fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn telling_argument(args: &Map<String, Value>) -> String {
    let telling = INFORMATIVE_ARGUMENTS
        .iter()
        .find_map(|name| match args.get(*name)? {
            Value::String(text) => Some(first_line(text)),
            // A command as a list of arguments.
            Value::Array(parts) => {
                let words: Option<Vec<&str>> = parts.iter().map(Value::as_str).collect();
                Some(words?.join(" "))
            }
            _ => None,
        });
    let words = telling.unwrap_or_else(|| {
        let pairs = args.iter().map(|(name, value)| match value {
            Value::String(text) => format!("{name}={text}"),
            other => format!("{name}={other}"),
        });
        pairs.collect::<Vec<_>>().join(" ")
    });
    cut(&one_line(&words))
}

/// Returns the first non-blank line, with `…` if others follow. The first line of a script is often
/// a comment on its purpose.
fn first_line(text: &str) -> String {
    let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    let first = lines.next().unwrap_or_default();
    let more = if lines.next().is_some() { " …" } else { "" };
    format!("{first}{more}")
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(ARGUMENT_CHARS_MAX) {
        None => text.to_owned(),
        Some(_) => {
            let head: String = text.chars().take(ARGUMENT_CHARS_MAX - 1).collect();
            format!("{head}…")
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn summary_of(args: Value) -> String {
        match args {
            Value::Object(args) => telling_argument(&args),
            _ => panic!("arguments are an object"),
        }
    }

    #[test]
    fn summary_shows_the_most_informative_argument() {
        assert_eq!(
            summary_of(json!({"cwd": "/x", "command": "\n# Test it\ncargo test"})),
            "# Test it …"
        );
        assert_eq!(
            summary_of(json!({"command": ["git", "status"]})),
            "git status"
        );
        assert_eq!(
            summary_of(json!({"content": "…", "path": "src/main.rs"})),
            "src/main.rs"
        );
        assert_eq!(
            summary_of(json!({"depth": 2, "word": "a b"})),
            "depth=2 word=a b"
        );
        assert_eq!(summary_of(json!({})), "");
    }

    #[test]
    fn a_long_argument_is_cut_at_a_character() {
        let summary_of = summary_of(json!({"query": "ä".repeat(200)}));
        assert_eq!(summary_of.chars().count(), ARGUMENT_CHARS_MAX);
        assert!(summary_of.ends_with("ä…"));
    }

    #[test]
    fn numbers_are_grouped() {
        assert_eq!(
            [0, 12, 123, 1234, 123_456, 1_234_567].map(grouped),
            ["0", "12", "123", "1,234", "123,456", "1,234,567"]
        );
    }
}
