//! The interpreter of scripts: from a script, prompts and answers to the agent's instructions.
//!
//! It performs no I/O and reads no clock. The built-in agent carries the instructions out with
//! real files and processes; a [`ScriptedAgent`](crate::ScriptedAgent) plays them in memory. Both
//! therefore skip the same steps, end the same turns and send the same messages.

mod conditions;
mod instruction;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ah_lifecycle::TurnOutcome;
use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, ErrorEvent, EventPayload, Log, LogLevel, Message, MessageDelta,
    MessageId, MessageRole, PromptContent, ToolOutcome,
};
use serde_json::{Map, Value};
use ulid::Ulid;

use crate::{
    Defines, ExecutionEvent, ExecutionOutput, FileRead, PermissionAsk, Piece, ProgressLine, Script,
    ScriptStep, ScriptedEdit, StepAction, ToolCall, ToolExecution, fill_args,
};
use conditions::{Answers, StepCheck, is_as_expected};
pub use instruction::{Instruction, ScriptedToolUse};

/// A script in progress: one turn, and one [`Instruction`], at a time.
#[derive(Clone, Debug)]
pub struct Interpreter {
    script: Arc<Script>,
    defines: Defines,
    /// The index of the next step.
    cursor: usize,
    /// The remaining instructions of the current step.
    due: VecDeque<Instruction>,
    /// The prompt of the turn.
    prompt: String,
    /// The request that waits for an answer, with its name.
    pending: Option<(String, PermissionAsk)>,
    /// Set while the script hangs.
    hangs: bool,
    answers: Answers,
    /// The number of tool uses so far, for their names.
    tools_used: u64,
    /// The number of requests so far, for their names.
    requests: u64,
    next_message: Ulid,
}

impl Interpreter {
    /// Creates an interpreter at the beginning of `script`. The ids of its messages count upwards
    /// from `first_message`.
    #[must_use]
    pub const fn new(script: Arc<Script>, defines: Defines, first_message: Ulid) -> Self {
        Self {
            script,
            defines,
            cursor: 0,
            due: VecDeque::new(),
            prompt: String::new(),
            pending: None,
            hangs: false,
            answers: Answers::new(),
            tools_used: 0,
            requests: 0,
            next_message: first_message,
        }
    }

    /// Begins a turn with this prompt.
    pub fn begin(&mut self, prompt: &PromptContent) {
        self.prompt = prompt.text();
        self.clear();
        if self.cursor >= self.script.steps.len() {
            let text = format!(
                "The scenario `{}` has ended; there is no more to play.",
                self.script.name
            );
            let message = self.message(vec![ContentBlock::text(text)]);
            self.event(message);
            self.end_turn(TurnOutcome::Completed);
        }
    }

    /// Returns the next instruction of the turn. After [`Instruction::EndTurn`], the next turn has
    /// to be begun.
    #[must_use = "an instruction is returned once"]
    pub fn next_instruction(&mut self) -> Instruction {
        loop {
            if let Some(instruction) = self.due.pop_front() {
                return instruction;
            }
            if self.pending.is_some() || self.hangs {
                return Instruction::Block;
            }
            let script = self.script.clone();
            let Some(step) = script.steps.get(self.cursor) else {
                return Instruction::EndTurn(TurnOutcome::Completed);
            };
            self.cursor += 1;
            if self.is_due(step) {
                self.wait(step.delay);
                self.expand(step);
            }
        }
    }

    /// Answers the pending request with one of its options, or cancels it.
    pub fn answered(&mut self, option_id: Option<&str>) {
        let Some((_, ask)) = self.pending.take() else {
            return;
        };
        let chosen = option_id.and_then(|id| ask.options.iter().find(|option| option.id == id));
        self.answers.add(&ask, chosen);
        if ask
            .expected
            .as_ref()
            .is_some_and(|expected| !is_as_expected(expected, chosen))
        {
            let answer = chosen.map_or("cancelled", |option| option.id.as_str());
            let message = format!("the scenario did not expect the answer `{answer}`");
            self.due.push_front(log(LogLevel::Debug, message));
        }
    }

    /// Returns the name of the request that waits for an answer.
    #[must_use]
    pub fn pending(&self) -> Option<&str> {
        self.pending.as_ref().map(|(key, _)| key.as_str())
    }

    /// Returns the reply to a prompt in the middle of a turn.
    pub fn steered(&mut self, prompt: &PromptContent) -> EventPayload {
        let text = format!(
            "I received “{}”. I continue with the current step.",
            prompt.text()
        );
        self.message(vec![ContentBlock::text(text)])
    }

    /// Abandons the turn. The next one begins after the step that waits for a prompt.
    pub fn abandon_turn(&mut self) {
        self.clear();
        self.skip_to_prompt();
    }

    /// Fails the turn for this reason: an error event and the end of the turn follow.
    pub fn fail(&mut self, reason: String) {
        let message = reason.clone();
        self.event(EventPayload::Error(ErrorEvent::new(message)));
        self.end_turn(TurnOutcome::Failed { reason });
        self.skip_to_prompt();
    }

    /// The prompt of the turn.
    #[must_use]
    pub fn prompt(&self) -> &str {
        &self.prompt
    }

    /// The defines of the script.
    #[must_use]
    pub const fn defines(&self) -> &Defines {
        &self.defines
    }

    fn clear(&mut self) {
        self.due.clear();
        self.pending = None;
        self.hangs = false;
    }

    fn skip_to_prompt(&mut self) {
        let rest = &self.script.steps[self.cursor.min(self.script.steps.len())..];
        let boundary = rest
            .iter()
            .position(|step| matches!(step.action, StepAction::AwaitPrompt(_)));
        self.cursor = match boundary {
            Some(index) => self.cursor + index + 1,
            None => self.script.steps.len(),
        };
    }

    /// Returns true if the conditions of a step are met. A step that is skipped because permission
    /// was not granted is logged.
    fn is_due(&mut self, step: &ScriptStep) -> bool {
        let check = self.answers.check(&step.conditions);
        if check == StepCheck::Refused {
            let what = match &step.action {
                StepAction::UseTool(call) => call.tool_name.clone(),
                StepAction::Edit(edit) => format!("the edit of {}", edit.path),
                _ => step.place.clone(),
            };
            let message = format!("skipped {what}: permission was not granted");
            self.due.push_back(log(LogLevel::Info, message));
        }
        check == StepCheck::Due
    }

    /// Adds the instructions of a step.
    fn expand(&mut self, step: &ScriptStep) {
        match &step.action {
            StepAction::Event(event) => {
                let event = self.filled_event(event);
                self.event(event);
            }
            StepAction::Say(pieces) => self.say(pieces),
            StepAction::UseTool(call) => {
                let tool = self.tool_use(call);
                self.due.push_back(Instruction::Tool(tool));
            }
            StepAction::Edit(edit) => {
                let path = self.filled(&edit.path);
                let edit = edit.clone();
                self.due
                    .push_back(Instruction::Edit(ScriptedEdit { path, ..edit }));
            }
            StepAction::Read(read) => self.read(read),
            StepAction::Ask(ask) => self.ask(ask),
            StepAction::Wait => {}
            StepAction::Hang => self.hangs = true,
            StepAction::Assert(assertion) => self.due.push_back(Instruction::Assert {
                place: step.place.clone(),
                assertion: assertion.clone(),
            }),
            StepAction::AwaitPrompt(_) => self.end_turn(TurnOutcome::Completed),
            StepAction::Complete => {
                self.cursor = self.script.steps.len();
                self.end_turn(TurnOutcome::Completed);
            }
            StepAction::Fail(reason) => {
                let reason = self.filled(reason);
                self.fail(reason);
            }
            StepAction::Exit(code) => self.due.push_back(Instruction::Exit(*code)),
            StepAction::Crash => self.due.push_back(Instruction::Crash),
            StepAction::NotPlayed(entry) => {
                let level = match crate::UnknownEntry::of(&step.place, entry) {
                    Some(_) => LogLevel::Warn,
                    None => LogLevel::Debug,
                };
                self.due
                    .push_back(log(level, format!("not played: {entry}")));
            }
        }
    }

    /// A message: each piece as a delta at its time, then the whole.
    fn say(&mut self, pieces: &[Piece]) {
        let message_id = self.message_id();
        let mut content: Vec<ContentBlock> = Vec::new();
        let mut offset = 0;
        for piece in pieces {
            self.wait(piece.delay);
            let ContentBlock::Text { text } = &piece.content else {
                content.push(piece.content.clone());
                continue;
            };
            let delta = self.filled(text);
            // Adjacent pieces of text are one text.
            match content.last_mut() {
                Some(ContentBlock::Text { text }) => text.push_str(&delta),
                _ => content.push(ContentBlock::text(delta.as_str())),
            }
            let length = delta.len() as u64;
            let delta = MessageDelta::new(message_id, offset, delta);
            offset += length;
            self.due
                .push_back(Instruction::Ephemeral(EphemeralEvent::MessageDelta(delta)));
        }
        self.event(message(message_id, content));
    }

    fn read(&mut self, read: &FileRead) {
        let path = self.filled(&read.path);
        let tool = self.tool_use(&ToolCall {
            tool_name: "readFile".to_owned(),
            args: Map::from_iter([("path".to_owned(), Value::String(read.path.clone()))]),
            call_id: None,
            progress: Vec::new(),
            result: None,
            outcome: Some(ToolOutcome::Completed),
            execution: None,
        });
        self.due.push_back(Instruction::Read {
            tool,
            path,
            expected: read.expected_content.clone(),
        });
    }

    fn ask(&mut self, ask: &PermissionAsk) {
        self.requests += 1;
        let key = format!("ask-{}", self.requests);
        let ask = PermissionAsk {
            tool_args: fill_args(&ask.tool_args, |text| self.filled(text)),
            ..ask.clone()
        };
        self.pending = Some((key.clone(), ask.clone()));
        self.due.push_back(Instruction::Ask { key, ask });
    }

    fn tool_use(&mut self, call: &ToolCall) -> ScriptedToolUse {
        self.tools_used += 1;
        let id = call
            .call_id
            .clone()
            .unwrap_or_else(|| format!("tool-{}", self.tools_used));
        let progress = call.progress.iter().map(|line| ProgressLine {
            at: line.at,
            message: self.filled(&line.message),
        });
        let call = ToolCall {
            args: fill_args(&call.args, |text| self.filled(text)),
            progress: progress.collect(),
            result: call.result.as_ref().map(|result| self.filled(result)),
            execution: call.execution.as_ref().map(|run| self.execution(run)),
            ..call.clone()
        };
        ScriptedToolUse { id, call }
    }

    fn execution(&self, execution: &ToolExecution) -> ToolExecution {
        let events = execution.events.iter().map(|event| ExecutionEvent {
            at: event.at,
            output: match &event.output {
                ExecutionOutput::Printed(text) => ExecutionOutput::Printed(self.filled(text)),
                ExecutionOutput::Report(text) => ExecutionOutput::Report(self.filled(text)),
                ExecutionOutput::Completed { exit_code } => ExecutionOutput::Completed {
                    exit_code: *exit_code,
                },
            },
        });
        ToolExecution {
            events: events.collect(),
        }
    }

    fn event(&mut self, event: EventPayload) {
        self.due.push_back(Instruction::Event(event));
    }

    fn end_turn(&mut self, outcome: TurnOutcome) {
        self.due.push_back(Instruction::EndTurn(outcome));
    }

    fn wait(&mut self, delay: Duration) {
        if !delay.is_zero() {
            self.due.push_back(Instruction::Wait(delay));
        }
    }

    fn message_id(&mut self) -> MessageId {
        let id = self.next_message;
        self.next_message = Ulid(id.0.wrapping_add(1));
        MessageId::from_ulid(id)
    }

    fn message(&mut self, content: Vec<ContentBlock>) -> EventPayload {
        let message_id = self.message_id();
        message(message_id, content)
    }

    /// Fills the prompt and the defines into the texts of an event that a script can have.
    fn filled_event(&self, event: &EventPayload) -> EventPayload {
        let mut event = event.clone();
        match &mut event {
            EventPayload::Thought(thought) => thought.thought = self.filled(&thought.thought),
            EventPayload::Plan(plan) => {
                for entry in &mut plan.entries {
                    entry.content = self.filled(&entry.content);
                }
            }
            EventPayload::Error(error) => error.message = self.filled(&error.message),
            EventPayload::Log(log) => log.message = self.filled(&log.message),
            _ => {}
        }
        event
    }

    /// Fills the prompt and the defines into a text of the script.
    fn filled(&self, text: &str) -> String {
        crate::fill(text, &self.prompt, &self.defines)
    }
}

fn message(message_id: MessageId, content: Vec<ContentBlock>) -> EventPayload {
    EventPayload::Message(Message::new(MessageRole::Assistant, message_id, content))
}

fn log(level: LogLevel, message: String) -> Instruction {
    Instruction::Event(EventPayload::Log(Log::new(level, message)))
}
