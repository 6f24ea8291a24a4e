//! The result of a tool: its output and, for a command, its exit code. ACP has no field for either,
//! so each agent reports them differently.

use serde_json::Value;

use super::content::shown_text;
use super::quirks::{ExitLine, OutputSource, Quirks};

/// The reported data of a tool call that has ended.
pub(super) struct ToolReport<'a> {
    /// The text of its content.
    pub(super) content: &'a str,
    /// Its `rawOutput`.
    pub(super) raw: &'a Value,
    /// The concatenated output of its terminal.
    pub(super) printed: &'a str,
    /// The exit code of its terminal.
    pub(super) terminal_exit: Option<i32>,
    /// True if the agent reports it as completed.
    pub(super) is_completed: bool,
    /// True if it ran a command.
    pub(super) is_command: bool,
}

/// The result of a tool.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Result {
    pub(super) output: String,
    pub(super) exit_code: Option<i32>,
    /// True if it failed, even if reported as completed.
    pub(super) is_failed: bool,
}

impl ToolReport<'_> {
    pub(super) fn result(&self, quirks: &Quirks) -> Result {
        let mut output = self.output(quirks);
        if let Some(beginning) = quirks.output_trailer {
            cut_last_line(&mut output, |line| line.starts_with(beginning));
        }
        let exit_code = self
            .terminal_exit
            .or_else(|| exit_code_in(self.raw))
            .or_else(|| self.exit_in_words(quirks, &mut output));
        let is_failed = !self.is_completed
            || exit_code.is_some_and(|code| code != 0)
            || self.raw["observation"]["is_error"] == true;
        Result {
            output,
            exit_code,
            is_failed,
        }
    }

    fn output(&self, quirks: &Quirks) -> String {
        if !self.printed.is_empty() {
            return self.printed.to_owned();
        }
        let raw = text_in(self.raw).unwrap_or_default();
        let content = self.content.to_owned();
        let (first, second) = match quirks.output {
            OutputSource::Content => (content, raw),
            OutputSource::Raw => (raw, content),
        };
        if first.is_empty() { second } else { first }
    }

    fn exit_in_words(&self, quirks: &Quirks, output: &mut String) -> Option<i32> {
        let words = quirks.exit_words.filter(|_| self.is_command)?;
        let code = |line: &str| -> Option<i32> {
            let number = line.strip_prefix(words.before)?;
            number.trim_end_matches('.').parse().ok()
        };
        let found = match words.line {
            ExitLine::Content => self.content.lines().find_map(code),
            ExitLine::First => {
                let first = output.lines().next().and_then(code);
                if first.is_some() {
                    let end = output.find('\n').map_or(output.len(), |end| end + 1);
                    output.drain(..end);
                }
                first
            }
            ExitLine::Last => {
                let last = output.lines().last().and_then(code);
                if last.is_some() {
                    cut_last_line(output, |_| true);
                }
                last
            }
        };
        found.or_else(|| (words.completed_is_zero && self.is_completed).then_some(0))
    }
}

fn cut_last_line(text: &mut String, is_to_go: impl Fn(&str) -> bool) {
    let start = text
        .trim_end_matches('\n')
        .rfind('\n')
        .map_or(0, |it| it + 1);
    if is_to_go(&text[start..]) {
        text.truncate(start);
    }
}

/// Finds an exit code in a `rawOutput` of Codex, opencode, OpenHands or Copilot.
fn exit_code_in(raw: &Value) -> Option<i32> {
    let shell_exit = raw["contents"].as_array().into_iter().flatten();
    let shell_exit = shell_exit
        .filter(|content| content["type"] == "shell_exit")
        .map(|content| &content["exitCode"]);
    ["/exit_code", "/metadata/exit", "/observation/exit_code"]
        .iter()
        .filter_map(|place| raw.pointer(place))
        .chain(shell_exit)
        .find_map(Value::as_i64)
        // OpenHands reports -1 for a command that is still running.
        .filter(|code| *code >= 0)
        .and_then(|code| i32::try_from(code).ok())
}

/// Finds the output in a `rawOutput`: a text, or a field with a text.
fn text_in(raw: &Value) -> Option<String> {
    const PLACES: [&str; 8] = [
        "/aggregated_output",
        "/output",
        "/content",
        "/observation/content",
        "/rejection_reason",
        "/error",
        "/error/message",
        "/message",
    ];
    if let Some(text) = raw.as_str() {
        return Some(text.to_owned());
    }
    let found = PLACES
        .iter()
        .filter_map(|place| raw.pointer(place))
        .map(text_of)
        .find(|text| !text.is_empty());
    found.or_else(|| {
        let streams = [&raw["stdout"], &raw["stderr"]];
        let text: String = streams.into_iter().filter_map(Value::as_str).collect();
        Some(text).filter(|text| !text.is_empty())
    })
}

/// Returns a text, or the texts of content blocks.
fn text_of(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(blocks) => {
            let texts: Vec<String> = blocks.iter().filter_map(shown_text).collect();
            texts.join("\n")
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::quirks;
    use super::*;

    /// Returns the result of a command of `agent` with this report.
    fn result(agent: &str, content: &str, raw: &Value, is_completed: bool) -> Result {
        let report = ToolReport {
            content,
            raw,
            printed: "",
            terminal_exit: None,
            is_completed,
            is_command: true,
        };
        report.result(quirks::of(None, agent))
    }

    #[test]
    fn exit_codes_are_found_at_each_agent_location() {
        for (agent, content, raw, is_completed, output, exit_code) in [
            (
                "claude-acp",
                "```\nExit code 3\noops\n```",
                json!("Exit code 3\noops"),
                false,
                "oops",
                Some(3),
            ),
            ("claude-acp", "", json!("fine"), true, "fine", Some(0)),
            (
                "claude-acp",
                "",
                json!("User refused"),
                false,
                "User refused",
                None,
            ),
            (
                "kimi",
                "oops\nCommand failed with exit code: 3.",
                json!(null),
                false,
                "oops\n",
                Some(3),
            ),
            (
                "qwen",
                "Output: oops\nExit Code: 3\nSignal: 0",
                json!("oops"),
                true,
                "oops",
                Some(3),
            ),
            (
                "qwen",
                "Exit Code: (none)",
                json!("oops"),
                true,
                "oops",
                None,
            ),
            (
                "copilot",
                "",
                json!({"content": "oops\n<shellId: 1 completed with exit code 3>",
                "contents": [{"type": "shell_exit", "exitCode": 3}]}),
                true,
                "oops\n",
                Some(3),
            ),
            (
                "opencode",
                "oops\n",
                json!({"metadata": {"exit": 3}}),
                true,
                "oops\n",
                Some(3),
            ),
            (
                "mine",
                "",
                json!({"aggregated_output": "oops\n", "exit_code": 3}),
                false,
                "oops\n",
                Some(3),
            ),
            (
                "openhands",
                "Tool: terminal",
                json!({"observation": {"exit_code": -1,
                "content": [{"type": "text", "text": "begin"}]}}),
                true,
                "begin",
                None,
            ),
            (
                "mistral-vibe",
                "",
                json!({"stdout": "a\n", "stderr": "b\n", "output": ""}),
                true,
                "a\nb\n",
                None,
            ),
        ] {
            let result = result(agent, content, &raw, is_completed);
            assert_eq!(
                (result.output.as_str(), result.exit_code),
                (output, exit_code),
                "{agent}: {raw}"
            );
            let is_failed = !is_completed || exit_code.is_some_and(|code| code != 0);
            assert_eq!(result.is_failed, is_failed, "{agent}: {raw}");
        }
    }
}
