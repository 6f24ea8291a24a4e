//! A resolved scenario.

use std::time::Duration;

use ah_rest_api_contract::{
    ContentBlock, EventPayload, PermissionOption, PromptContent, ToolOutcome,
};
use serde_json::{Map, Value};

use crate::entries::{ENTRIES, NOT_PLAYED};

/// A resolved scenario: steps to play in sequence.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The name of the scenario.
    pub name: String,
    /// The expected initial prompt, if specified.
    pub initial_prompt: Option<PromptContent>,
    /// The steps, in order.
    pub steps: Vec<ScriptStep>,
}

impl Script {
    /// Returns the entries that no program knows, most likely mistyped: the place of each, its name,
    /// and the known entry of a similar name.
    pub fn unknown_entries(&self) -> impl Iterator<Item = UnknownEntry<'_>> {
        self.steps.iter().filter_map(|step| match &step.action {
            StepAction::NotPlayed(name) => UnknownEntry::of(&step.place, name),
            _ => None,
        })
    }
}

/// An entry of a timeline that no program knows. It is not played.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownEntry<'a> {
    /// Its place in the document, such as `timeline[2]`.
    pub place: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The known entry of a similar name.
    pub similar: Option<&'static str>,
}

impl<'a> UnknownEntry<'a> {
    /// The minimum similarity of a mistyped name to the one that was probably meant.
    const SIMILARITY_MIN: f64 = 0.8;

    /// Returns the entry, unless it is one that other programs play, or a part of one that is not
    /// played, which has a description in words.
    pub(crate) fn of(place: &'a str, name: &'a str) -> Option<Self> {
        let is_word = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if NOT_PLAYED.contains(&name) || ENTRIES.contains(&name) || !is_word(name) {
            return None;
        }
        let similar = ENTRIES
            .iter()
            .map(|known| (strsim::jaro_winkler(known, name), *known))
            .filter(|(similarity, _)| *similarity >= Self::SIMILARITY_MIN)
            .max_by(|(one, _), (other, _)| one.total_cmp(other))
            .map(|(_, known)| known);
        Some(Self {
            place,
            name,
            similar,
        })
    }
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptStep {
    /// Its place in the document, such as `timeline[2].agentEdits`.
    pub place: String,
    /// The delay after the previous step, before scaling.
    pub delay: Duration,
    /// The step is skipped unless all conditions are met.
    pub conditions: Vec<Condition>,
    /// The action.
    pub action: StepAction,
}

/// A condition on the answer to a permission request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The step is the subject of the request. Without permission, it is skipped with a log line.
    NeedsPermission {
        /// [`PermissionAsk::number`] of the request.
        request: usize,
    },
    /// The step is played only if the request was granted.
    IfGranted {
        /// [`PermissionAsk::number`] of the request.
        request: usize,
    },
    /// The step is played only if the request was denied.
    IfDenied {
        /// [`PermissionAsk::number`] of the request.
        request: usize,
    },
}

/// The action of a step.
#[derive(Clone, Debug, PartialEq)]
pub enum StepAction {
    /// An event that the agent sends as it is, such as a thought, a plan or a log line. The turn
    /// continues.
    Event(EventPayload),
    /// A message of the agent, in pieces.
    Say(Vec<Piece>),
    /// A tool use.
    UseTool(ToolCall),
    /// A change to a file.
    Edit(ScriptedEdit),
    /// A read of a file.
    Read(FileRead),
    /// A permission request; the script waits for the answer.
    Ask(PermissionAsk),
    /// The end of a turn. The script continues with the next prompt. Its text is the expected
    /// prompt, but any prompt is accepted.
    AwaitPrompt(PromptContent),
    /// Only the delay.
    Wait,
    /// An assertion about the workspace. If it fails, the turn fails.
    Assert(Assertion),
    /// The end of the turn and of the script.
    Complete,
    /// A failure of the turn, with its reason.
    Fail(String),
    /// An immediate exit of the agent's process, with this code.
    Exit(u8),
    /// A crash of the agent's process by a signal.
    Crash,
    /// A hang until the agent is interrupted or stopped.
    Hang,
    /// An entry that agents do not play, by name.
    NotPlayed(String),
}

impl StepAction {
    /// Returns the scripted duration of the action, before scaling. Real commands may take longer.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self {
            Self::Say(pieces) => pieces.iter().map(|piece| piece.delay).sum(),
            Self::UseTool(call) => call.duration(),
            _ => Duration::ZERO,
        }
    }
}

/// A piece of a message.
#[derive(Clone, Debug, PartialEq)]
pub struct Piece {
    /// The delay after the previous piece.
    pub delay: Duration,
    /// The content.
    pub content: ContentBlock,
}

/// A tool use.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The name of the tool.
    pub tool_name: String,
    /// Its arguments.
    pub args: Map<String, Value>,
    /// The scenario's id for this use, if any.
    pub call_id: Option<String>,
    /// The visible progress of the run, by time. The use takes at least as long.
    pub progress: Vec<ProgressLine>,
    /// The result of a tool without a local implementation.
    pub result: Option<String>,
    /// The expected outcome, or the actual outcome of a tool without a local implementation.
    pub outcome: Option<ToolOutcome>,
    /// A scripted run, which replaces a real one.
    pub execution: Option<ToolExecution>,
}

/// The tools that run a command, and so end with an exit code.
const COMMANDS: [&str; 4] = ["runCmd", "grep", "find", "sed"];

impl ToolCall {
    /// Returns true if the tool runs a command, and so ends with an exit code.
    #[must_use]
    pub fn runs_command(&self) -> bool {
        COMMANDS.contains(&self.tool_name.as_str())
    }

    fn duration(&self) -> Duration {
        let progress = self.progress.iter().map(|line| line.at);
        let execution = self
            .execution
            .iter()
            .flat_map(|e| e.events.iter().map(|event| event.at));
        progress.chain(execution).max().unwrap_or_default()
    }
}

/// A line of progress during a tool's run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressLine {
    /// The time since the start of the run.
    pub at: Duration,
    /// The line.
    pub message: String,
}

/// A scripted run of a tool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolExecution {
    /// The events of the run, by time.
    pub events: Vec<ExecutionEvent>,
}

/// An event of a scripted tool run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionEvent {
    /// The time since the start of the entry.
    pub at: Duration,
    /// The output.
    pub output: ExecutionOutput,
}

/// The output of a scripted tool run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionOutput {
    /// Text on standard output or standard error.
    Printed(String),
    /// A progress report.
    Report(String),
    /// The end of the run.
    Completed {
        /// The exit code.
        exit_code: Option<i32>,
    },
}

/// A change to a file, given by line counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedEdit {
    /// The path of the file, relative to the workspace. The file is created if missing.
    pub path: String,
    /// The number of added lines.
    pub lines_added: u64,
    /// The number of removed lines.
    pub lines_removed: u64,
}

/// A read of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    /// The path of the file, relative to the workspace.
    pub path: String,
    /// The expected content.
    pub expected_content: Option<String>,
}

/// A permission request.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionAsk {
    /// The number of the request in the script, from 0, for [`Condition`]s.
    pub number: usize,
    /// The tool that needs permission.
    pub tool_name: String,
    /// The arguments of the tool.
    pub tool_args: Map<String, Value>,
    /// The scenario's id for the tool use, if any.
    pub call_id: Option<String>,
    /// The available options, at least one.
    pub options: Vec<PermissionOption>,
    /// The expected answer.
    pub expected: Option<ExpectedAnswer>,
}

/// The expected answer to a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedAnswer {
    /// This option.
    Option(String),
    /// The request is cancelled.
    Cancelled,
    /// Any option that grants permission.
    Granted,
    /// Any answer that denies permission.
    Denied,
}

/// An assertion about the workspace, or about the agent's messages and tool output.
#[derive(Clone, Debug, PartialEq)]
pub enum Assertion {
    /// A path exists.
    Exists(String),
    /// A path does not exist.
    NotExists(String),
    /// A text occurs in the file, or without a file in the agent's messages and tool output.
    TextContains {
        /// The path of the file, relative to the workspace.
        file: Option<String>,
        /// The text.
        text: String,
    },
    /// A value in a JSON file is equal to this value.
    JsonEquals {
        /// The path of the file, relative to the workspace.
        file: String,
        /// The location, as a JSON pointer (RFC 6901).
        pointer: String,
        /// The value.
        value: Value,
    },
    /// The message of the last commit contains this text.
    CommitMessageContains(String),
}
