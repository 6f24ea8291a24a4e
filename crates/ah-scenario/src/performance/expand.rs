//! What each action of a script comes to.

use std::time::Duration;

use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, ErrorEvent, EventPayload, FileEdit, LogLevel, MessageDelta, Plan,
    PlanEntry, Thought, ToolOutcome, ToolProgress, ToolResult, ToolUse, ToolUseStatus,
};
use serde_json::{Map, Value};

use super::{Cue, Performance, log, message};
use crate::{Action, ExecutionOutput, FileRead, Piece, ProgressLine, Step, ToolCall, fill_args};

/// The tools that run a command, and so end with an exit code.
const COMMANDS: [&str; 4] = ["runCmd", "grep", "find", "sed"];

impl Performance {
    /// Puts what the step comes to among what is due.
    pub(super) fn expand(&mut self, step: &Step) {
        match &step.action {
            Action::Think(thought) => {
                let thought = self.filled(thought);
                self.event(EventPayload::Thought(Thought {
                    thought,
                    reasoning: None,
                }));
            }
            Action::Say(pieces) => self.say(pieces),
            Action::Plan(plan) => self.plan(plan),
            Action::ModelError(error) => {
                let message = self.filled(&error.message);
                self.event(EventPayload::Error(ErrorEvent { message }));
            }
            Action::UseTool(call) => self.use_tool(call),
            Action::Edit(edit) => {
                let path = self.filled(&edit.path);
                self.edit(path, edit.lines_added, edit.lines_removed);
            }
            Action::Read(read) => self.read(read),
            Action::Ask(ask) => {
                let mut ask = ask.clone();
                ask.tool_args = fill_args(&ask.tool_args, |text| self.filled(text));
                self.asked = Some(ask.clone());
                self.due.push_back(Cue::Ask(ask));
            }
            // A hanging agent never comes past its step.
            Action::Wait | Action::Hang => {}
            Action::Log(line) => {
                let message = self.filled(&line.message);
                self.due.push_back(log(line.level, message));
            }
            Action::Progress(progress) => self.event(EventPayload::Progress(progress.clone())),
            Action::Usage(usage) => self.event(EventPayload::Usage(usage.clone())),
            Action::Assert(_) => {
                let message = format!("{} is taken to hold", step.place);
                self.due.push_back(log(LogLevel::Debug, message));
            }
            Action::AwaitPrompt(_) => self.due.push_back(Cue::TurnCompleted),
            Action::Complete => {
                self.cursor = self.script.steps.len();
                self.due.push_back(Cue::TurnCompleted);
            }
            Action::Fail(reason) => {
                let reason = self.filled(reason);
                let message = reason.clone();
                self.event(EventPayload::Error(ErrorEvent { message }));
                self.due.push_back(Cue::TurnFailed(reason));
                self.skip_to_prompt();
            }
            Action::Exit(code) => self.due.push_back(Cue::Exit(*code)),
            Action::Crash => self.due.push_back(Cue::Crash),
            Action::NotPlayed(entry) => {
                let message = format!("not played: {entry}");
                self.due.push_back(log(LogLevel::Debug, message));
            }
        }
    }

    fn event(&mut self, event: EventPayload) {
        self.due.push_back(Cue::Event(event));
    }

    /// A message: each piece as a delta when its time comes, then the whole.
    fn say(&mut self, pieces: &[Piece]) {
        let message_id = self.message_id();
        let mut content: Vec<ContentBlock> = Vec::new();
        for piece in pieces {
            self.wait(piece.delay);
            let ContentBlock::Text { text } = &piece.content else {
                content.push(piece.content.clone());
                continue;
            };
            let delta = self.filled(text);
            // Pieces of text that follow each other are one text.
            match content.last_mut() {
                Some(ContentBlock::Text { text }) => text.push_str(&delta),
                _ => content.push(ContentBlock::text(delta.as_str())),
            }
            let delta = MessageDelta { message_id, delta };
            self.due
                .push_back(Cue::Ephemeral(EphemeralEvent::MessageDelta(delta)));
        }
        self.event(message(message_id, content));
    }

    fn plan(&mut self, plan: &Plan) {
        let entries = plan.entries.iter().map(|entry| PlanEntry {
            content: self.filled(&entry.content),
            ..entry.clone()
        });
        let entries = entries.collect();
        self.event(EventPayload::Plan(Plan { entries }));
    }

    fn edit(&mut self, file_path: String, lines_added: u64, lines_removed: u64) {
        self.event(EventPayload::FileEdit(FileEdit {
            file_path,
            lines_added,
            lines_removed,
            description: None,
        }));
    }

    fn read(&mut self, read: &FileRead) {
        let path = Value::String(read.path.clone());
        self.use_tool(&ToolCall {
            tool_name: "readFile".to_owned(),
            args: Map::from_iter([("path".to_owned(), path)]),
            call_id: None,
            progress: Vec::new(),
            result: read.expected_content.clone(),
            outcome: Some(ToolOutcome::Completed),
            execution: None,
        });
    }

    /// A tool's run: it is seen to begin, at work and to end, and what it changed is told before
    /// its result.
    fn use_tool(&mut self, call: &ToolCall) {
        self.tools_used += 1;
        let id = call
            .call_id
            .clone()
            .unwrap_or_else(|| format!("tool-{}", self.tools_used));
        let args = fill_args(&call.args, |text| self.filled(text));
        self.event(EventPayload::ToolUse(ToolUse {
            tool_name: call.tool_name.clone(),
            tool_args: args.clone(),
            tool_execution_id: id.clone(),
            status: ToolUseStatus::Started,
        }));
        let run = self.run(call);
        let mut now = Duration::ZERO;
        for line in run.lines {
            self.wait(line.at.saturating_sub(now));
            now = now.max(line.at);
            let progress = ToolProgress {
                tool_name: call.tool_name.clone(),
                last_line: line.message,
                tool_execution_id: id.clone(),
            };
            self.due
                .push_back(Cue::Ephemeral(EphemeralEvent::ToolProgress(progress)));
        }
        self.wait(run.end.saturating_sub(now));
        if run.outcome == ToolOutcome::Completed {
            self.change_files(&call.tool_name, &args);
        }
        self.event(EventPayload::ToolResult(ToolResult {
            tool_name: call.tool_name.clone(),
            tool_output: run.output,
            tool_execution_id: id,
            status: run.outcome,
            exit_code: run.exit_code,
        }));
    }

    fn run(&self, call: &ToolCall) -> Run {
        let mut lines: Vec<ProgressLine> = call
            .progress
            .iter()
            .map(|line| ProgressLine {
                at: line.at,
                message: self.filled(&line.message),
            })
            .collect();
        let mut end = lines.iter().map(|line| line.at).max().unwrap_or_default();
        let mut printed = String::new();
        let mut told_code = None;
        for event in call.execution.iter().flat_map(|run| &run.events) {
            end = end.max(event.at);
            let message = match &event.output {
                ExecutionOutput::Printed(text) => {
                    let text = self.filled(text);
                    printed.push_str(&text);
                    text.trim().to_owned()
                }
                ExecutionOutput::Progress(text) => self.filled(text),
                ExecutionOutput::Completed { exit_code } => {
                    told_code = *exit_code;
                    continue;
                }
            };
            lines.push(ProgressLine {
                at: event.at,
                message,
            });
        }
        lines.sort_by_key(|line| line.at);
        let by_code = match told_code {
            None | Some(0) => ToolOutcome::Completed,
            Some(_) => ToolOutcome::Failed,
        };
        let outcome = call.outcome.unwrap_or(by_code);
        let is_command = COMMANDS.contains(&call.tool_name.as_str());
        let exit_code = told_code.or_else(|| {
            is_command.then_some(match outcome {
                ToolOutcome::Completed => 0,
                _ => 1,
            })
        });
        Run {
            lines,
            end,
            output: call
                .result
                .as_ref()
                .map_or(printed, |result| self.filled(result)),
            outcome,
            exit_code,
        }
    }

    /// What the tools change that write files.
    fn change_files(&mut self, tool_name: &str, args: &Map<String, Value>) {
        let text = |name: &str| args.get(name).and_then(Value::as_str);
        let lines = |text: Option<&str>| text.map_or(0, |text| text.lines().count() as u64);
        let Some(path) = text("path").map(str::to_owned) else {
            return;
        };
        match tool_name {
            "writeFile" => self.edit(path, lines(text("content")), 0),
            "editFile" => self.edit(path, lines(text("newText")), lines(text("oldText"))),
            _ => {}
        }
    }

    fn wait(&mut self, delay: Duration) {
        if !delay.is_zero() {
            self.due.push_back(Cue::Wait(delay));
        }
    }
}

/// How a tool's run goes.
struct Run {
    /// What it is seen to do, by time.
    lines: Vec<ProgressLine>,
    /// When it ends, from its start.
    end: Duration,
    output: String,
    outcome: ToolOutcome,
    exit_code: Option<i32>,
}
