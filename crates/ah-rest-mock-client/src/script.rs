//! Builds the script of a mock's agent.

use std::time::Duration;

use ah_rest_api_contract::{
    ContentBlock, ErrorEvent, EventPayload, Log, LogLevel, PermissionOption, PermissionOptionKind,
    Plan, PlanEntry, Progress, PromptContent, Thought, ToolOutcome, Usage,
};
use ah_scenario::{
    Condition, Defines, PermissionAsk, Piece, ProgressLine, Scenario, Script, ScriptStep,
    ScriptedEdit, StepAction, ToolCall,
};
use serde_json::{Map, Value};

/// The default scenario.
const REALISTIC: &str = include_str!("../scenarios/realistic.yaml");

/// Returns a realistic session of a coding agent: it reads, plans, edits, tests, fails and fixes,
/// in about four minutes and over 50 events.
pub(crate) fn realistic() -> Script {
    Scenario::from_yaml(REALISTIC)
        .and_then(|scenario| scenario.resolve(&Defines::default()))
        .expect("a test plays the scenario that is part of the crate")
}

/// Builds a [`Script`] step by step.
///
/// ```
/// use std::time::Duration;
/// use ah_rest_mock_client::ScriptBuilder;
///
/// let script = ScriptBuilder::new("tidy")
///     .think("The names are inconsistent.")
///     .after(Duration::from_secs(2))
///     .tool("runCmd", "cargo test", "12 passed")
///     .edit("src/lib.rs", 12, 3)
///     .say("Done: {{prompt}}")
///     .build();
/// assert_eq!(script.steps.len(), 4);
/// ```
#[derive(Clone, Debug)]
pub struct ScriptBuilder {
    script: Script,
    delay: Duration,
    conditions: Vec<Condition>,
    asked: usize,
}

impl ScriptBuilder {
    /// Creates an empty script.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            script: Script {
                name: name.into(),
                initial_prompt: None,
                steps: Vec::new(),
            },
            delay: Duration::ZERO,
            conditions: Vec::new(),
            asked: 0,
        }
    }

    /// Delays the next step.
    #[must_use]
    pub fn after(mut self, delay: Duration) -> Self {
        self.delay += delay;
        self
    }

    /// Adds a thought.
    #[must_use]
    pub fn think(self, thought: impl Into<String>) -> Self {
        self.event(EventPayload::Thought(Thought::new(thought)))
    }

    /// Adds a message.
    #[must_use]
    pub fn say(self, text: impl Into<String>) -> Self {
        let content = ContentBlock::Text { text: text.into() };
        let delay = Duration::ZERO;
        self.step(StepAction::Say(vec![Piece { delay, content }]))
    }

    /// Adds a run of `tool` with this command and output.
    #[must_use]
    pub fn tool(self, tool: &str, command: &str, output: &str) -> Self {
        self.use_tool(tool, command, output, ToolOutcome::Completed)
    }

    /// Adds a run of `tool` with this command, which fails with this output.
    #[must_use]
    pub fn failing_tool(self, tool: &str, command: &str, output: &str) -> Self {
        self.use_tool(tool, command, output, ToolOutcome::Failed)
    }

    fn use_tool(self, tool: &str, command: &str, output: &str, outcome: ToolOutcome) -> Self {
        let command = Value::String(command.to_owned());
        self.call(ToolCall {
            tool_name: tool.to_owned(),
            args: Map::from_iter([("cmd".to_owned(), command)]),
            call_id: None,
            progress: Vec::<ProgressLine>::new(),
            result: Some(output.to_owned()),
            outcome: Some(outcome),
            execution: None,
        })
    }

    /// Adds a tool use with all details.
    #[must_use]
    pub fn call(self, call: ToolCall) -> Self {
        self.step(StepAction::UseTool(call))
    }

    /// Adds a file edit.
    #[must_use]
    pub fn edit(self, path: &str, lines_added: u64, lines_removed: u64) -> Self {
        self.step(StepAction::Edit(ScriptedEdit {
            path: path.to_owned(),
            lines_added,
            lines_removed,
        }))
    }

    /// Adds an event that the agent sends as it is.
    #[must_use]
    pub fn event(self, event: EventPayload) -> Self {
        self.step(StepAction::Event(event))
    }

    /// Adds a plan.
    #[must_use]
    pub fn plan(self, entries: Vec<PlanEntry>) -> Self {
        self.event(EventPayload::Plan(Plan::new(entries)))
    }

    /// Adds a progress report, in percent.
    #[must_use]
    pub fn progress(self, progress: u8, stage: &str) -> Self {
        let stage = stage.to_owned();
        self.event(EventPayload::Progress(Progress::new(progress, stage)))
    }

    /// Adds the usage of the turn.
    #[must_use]
    pub fn usage(self, usage: Usage) -> Self {
        self.event(EventPayload::Usage(usage))
    }

    /// Adds a log line.
    #[must_use]
    pub fn log(self, level: LogLevel, message: &str) -> Self {
        self.event(EventPayload::Log(Log::new(level, message.to_owned())))
    }

    /// Adds an error of the model, after which the agent continues.
    #[must_use]
    pub fn error(self, message: &str) -> Self {
        let message = message.to_owned();
        self.event(EventPayload::Error(ErrorEvent::new(message)))
    }

    /// Adds a permission request for `tool` with this command and the options `allow` and `deny`.
    /// [`ScriptBuilder::if_granted`] and [`ScriptBuilder::if_denied`] refer to the last request.
    #[must_use]
    pub fn ask(mut self, tool: &str, command: &str) -> Self {
        let option = |id: &str, label: &str, kind| {
            PermissionOption::new(id.to_owned(), label.to_owned(), kind)
        };
        let command = Value::String(command.to_owned());
        let number = self.asked;
        self.asked += 1;
        self.step(StepAction::Ask(PermissionAsk {
            number,
            tool_name: tool.to_owned(),
            tool_args: Map::from_iter([("cmd".to_owned(), command)]),
            call_id: None,
            options: vec![
                option("allow", "Yes", PermissionOptionKind::AllowOnce),
                option("deny", "No", PermissionOptionKind::RejectOnce),
            ],
            expected: None,
        }))
    }

    /// Adds steps that are played only if permission was granted.
    #[must_use]
    pub fn if_granted(self, steps: impl FnOnce(Self) -> Self) -> Self {
        let request = self.asked.saturating_sub(1);
        self.conditional(Condition::IfGranted { request }, steps)
    }

    /// Adds steps that are played only if permission was denied.
    #[must_use]
    pub fn if_denied(self, steps: impl FnOnce(Self) -> Self) -> Self {
        let request = self.asked.saturating_sub(1);
        self.conditional(Condition::IfDenied { request }, steps)
    }

    fn conditional(mut self, condition: Condition, steps: impl FnOnce(Self) -> Self) -> Self {
        self.conditions.push(condition);
        let mut done = steps(self);
        done.conditions.pop();
        done
    }

    /// Ends the turn. The following steps are played in the turn of the next prompt.
    #[must_use]
    pub fn next_turn(self) -> Self {
        self.step(StepAction::AwaitPrompt(PromptContent::from("")))
    }

    /// Adds a failure of the turn.
    #[must_use]
    pub fn fail(self, reason: &str) -> Self {
        self.step(StepAction::Fail(reason.to_owned()))
    }

    /// Adds an exit of the agent's process.
    #[must_use]
    pub fn exit(self, code: u8) -> Self {
        self.step(StepAction::Exit(code))
    }

    /// Makes the agent hang until it is interrupted or stopped.
    #[must_use]
    pub fn hang(self) -> Self {
        self.step(StepAction::Hang)
    }

    fn step(mut self, action: StepAction) -> Self {
        self.script.steps.push(ScriptStep {
            place: format!("step {}", self.script.steps.len() + 1),
            delay: std::mem::take(&mut self.delay),
            conditions: self.conditions.clone(),
            action,
        });
        self
    }

    /// Returns the script.
    #[must_use]
    pub fn build(self) -> Script {
        self.script
    }
}
