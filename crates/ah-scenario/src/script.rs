//! A scenario that is ready to be played.

use std::time::Duration;

use ah_rest_api_contract::{
    ContentBlock, ErrorEvent, Log, PermissionOption, Plan, Progress, PromptContent, ToolOutcome,
    Usage,
};
use serde_json::{Map, Value};

/// A scenario resolved: steps to be played one after the other.
#[derive(Clone, Debug, PartialEq)]
pub struct Script {
    /// The scenario's name.
    pub name: String,
    /// The prompt that the scenario expects to begin with, when it says so.
    pub initial_prompt: Option<PromptContent>,
    /// The steps in order.
    pub steps: Vec<Step>,
}

/// One step of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// Where in the document it comes from, such as `timeline[2].agentEdits`.
    pub place: String,
    /// How long to wait before it, after the step before has ended; before scaling.
    pub delay: Duration,
    /// All of these must be met, or the step is passed over.
    pub conditions: Vec<Condition>,
    /// What is done.
    pub action: Action,
}

/// What the answer to a permission request means for a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// It is what that request asked leave for: without leave it is skipped, and that is said.
    NeedsLeave {
        /// [`PermissionAsk::number`] of the request.
        request: usize,
    },
    /// It is played only when leave was given.
    IfGranted {
        /// [`PermissionAsk::number`] of the request.
        request: usize,
    },
    /// It is played only when leave was not given.
    IfDenied {
        /// [`PermissionAsk::number`] of the request.
        request: usize,
    },
}

/// What a step does.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// The agent thinks something.
    Think(String),
    /// The agent says one message, a piece at a time.
    Say(Vec<Piece>),
    /// The agent states its plan.
    Plan(Plan),
    /// The agent's model reports an error; the turn goes on.
    ModelError(ErrorEvent),
    /// The agent uses a tool.
    UseTool(ToolCall),
    /// The agent changes a file.
    Edit(ScriptedEdit),
    /// The agent reads a file.
    Read(FileRead),
    /// The agent asks leave and waits for the answer.
    Ask(PermissionAsk),
    /// The turn is over; the script goes on with the next prompt. The prompt that is expected is
    /// given, but any will do.
    AwaitPrompt(PromptContent),
    /// Nothing but the delay before it.
    Wait,
    /// A line of the agent's log.
    Log(Log),
    /// How far the agent says it is.
    Progress(Progress),
    /// What the turn has used.
    Usage(Usage),
    /// Something must be true of the workspace; if it is not, the turn fails.
    Assert(Assertion),
    /// The turn is over, and so is the script.
    Complete,
    /// The turn fails with this reason.
    Fail(String),
    /// The agent's process exits at once with this code.
    Exit(u8),
    /// The agent's process ends by a signal.
    Crash,
    /// The agent does nothing until it is interrupted or ended.
    Hang,
    /// Something that a scripted agent has no part in, by the name of its entry.
    NotPlayed(String),
}

impl Action {
    /// How long the script itself says that the action takes, before scaling. What is run for
    /// real may take longer.
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
    /// How long to wait before it, after the piece before.
    pub delay: Duration,
    /// The piece.
    pub content: ContentBlock,
}

/// A use of a tool.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolCall {
    /// The tool.
    pub tool_name: String,
    /// What it is given.
    pub args: Map<String, Value>,
    /// What the scenario calls this use, if anything.
    pub call_id: Option<String>,
    /// What it is seen to do while it runs, by time. The use lasts at least as long.
    pub progress: Vec<ProgressLine>,
    /// What it gives back, for a tool that is not run for real.
    pub result: Option<String>,
    /// How it is expected to end; how it does end, for a tool that is not run for real.
    pub outcome: Option<ToolOutcome>,
    /// A run that is only played: with it, nothing is run for real.
    pub execution: Option<ToolExecution>,
}

impl ToolCall {
    fn duration(&self) -> Duration {
        let progress = self.progress.iter().map(|line| line.at);
        let execution = self
            .execution
            .iter()
            .flat_map(|e| e.events.iter().map(|event| event.at));
        progress.chain(execution).max().unwrap_or_default()
    }
}

/// What a tool is seen to do at a moment of its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgressLine {
    /// When, from the start of the run.
    pub at: Duration,
    /// What.
    pub message: String,
}

/// A tool's run that is only played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToolExecution {
    /// What happens, by time.
    pub events: Vec<ExecutionEvent>,
}

/// Something that happens while a tool's run is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionEvent {
    /// When, from the start of the entry.
    pub at: Duration,
    /// What.
    pub output: ExecutionOutput,
}

/// What happens while a tool's run is played.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExecutionOutput {
    /// It prints something, to standard output or standard error.
    Printed(String),
    /// It tells how far it is.
    Progress(String),
    /// It ends.
    Completed {
        /// With this exit code.
        exit_code: Option<i32>,
    },
}

/// A change to a file, by the number of its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScriptedEdit {
    /// The file, relative to the workspace; created when absent.
    pub path: String,
    /// How many lines are added.
    pub lines_added: u64,
    /// How many lines are removed.
    pub lines_removed: u64,
}

/// A file that is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileRead {
    /// The file, relative to the workspace.
    pub path: String,
    /// What it is expected to hold.
    pub expected_content: Option<String>,
}

/// A request for leave.
#[derive(Clone, Debug, PartialEq)]
pub struct PermissionAsk {
    /// Counts the requests of a script from 0; [`Condition`]s name it.
    pub number: usize,
    /// The tool that wants to run.
    pub tool_name: String,
    /// What it would be given.
    pub tool_args: Map<String, Value>,
    /// What the scenario calls the use of the tool, if anything.
    pub call_id: Option<String>,
    /// The answers on offer, at least one.
    pub options: Vec<PermissionOption>,
    /// The answer that the scenario expects.
    pub expected: Option<ExpectedAnswer>,
}

/// The answer that a scenario expects to a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ExpectedAnswer {
    /// This option.
    Option(String),
    /// The request is cancelled.
    Cancelled,
    /// Any option that gives leave.
    Granted,
    /// Any answer that does not.
    Denied,
}

/// Something that must be true of the workspace, or of what the agent has said and seen.
#[derive(Clone, Debug, PartialEq)]
pub enum Assertion {
    /// A path exists.
    Exists(String),
    /// A path does not exist.
    NotExists(String),
    /// A text occurs in the file, or without one in what the agent has said and its tools have
    /// given back.
    TextContains {
        /// The file, relative to the workspace.
        file: Option<String>,
        /// The text.
        text: String,
    },
    /// A JSON file has this value at this place.
    JsonEquals {
        /// The file, relative to the workspace.
        file: String,
        /// The place, as a JSON pointer (RFC 6901).
        pointer: String,
        /// The value.
        value: Value,
    },
    /// The message of the last commit contains this text.
    CommitMessageContains(String),
}
