//! Tool calls: announced, updated, permitted and ended, in the order of each agent. The reports
//! about a call are merged by its id.

mod call;

use std::collections::VecDeque;
use std::path::PathBuf;

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, ToolOutcome, ToolProgress, ToolResult, ToolUse, ToolUseStatus,
};
use serde_json::{Map, Value, json};

use super::edits::EditContext;
use super::quirks::Quirks;
use ah_lifecycle::turns::AgentOutput;
use call::ToolCall;

/// The maximum number of open calls. An agent has one or a few; if it opens more, the oldest is
/// closed.
const OPEN_MAX: usize = 256;

/// The number of ended calls whose ids are remembered, so that a late update opens no new call.
const ENDED_MAX: usize = 1024;

/// The tool calls of a session.
#[derive(Debug)]
pub(super) struct Tools {
    quirks: &'static Quirks,
    workspace: PathBuf,
    /// The URL of the session's diff.
    diff_url: String,
    /// The open calls, oldest first.
    open: Vec<ToolCall>,
    ended: VecDeque<String>,
    /// True if the turn was cancelled.
    is_cancelled: bool,
}

/// The subject of a permission request.
#[derive(Debug, PartialEq)]
pub(super) struct Subject {
    pub(super) tool_name: String,
    pub(super) tool_args: Map<String, Value>,
    /// The calls that it covers.
    pub(super) calls: Vec<String>,
}

impl Tools {
    pub(super) const fn new(quirks: &'static Quirks, workspace: PathBuf, diff_url: String) -> Self {
        Self {
            quirks,
            workspace,
            diff_url,
            open: Vec::new(),
            ended: VecDeque::new(),
            is_cancelled: false,
        }
    }

    /// Sets the quirks once the agent is known.
    pub(super) const fn set_quirks(&mut self, quirks: &'static Quirks) {
        self.quirks = quirks;
    }

    /// Handles a `tool_call` or a `tool_call_update`.
    pub(super) fn update(&mut self, update: &Value, output: &mut Vec<AgentOutput>) {
        let Some(index) = self.call(update, output) else {
            return;
        };
        let call = &mut self.open[index];
        let had_printed = call.has_printed();
        call.merge(update, self.quirks, &self.workspace);
        let is_over = call.status.is_over();
        if is_over || call.input_is_known(self.quirks) {
            announce(call, output);
        }
        if is_over {
            let call = self.open.remove(index);
            self.end(call, output);
        } else if call.is_announced && call.has_printed() > had_printed {
            output.push(AgentOutput::Ephemeral(EphemeralEvent::ToolProgress(
                ToolProgress {
                    tool_name: call.name.clone(),
                    last_line: call.last_line(),
                    tool_execution_id: call.id.clone(),
                },
            )));
        }
    }

    /// Handles a permission request for `tool_call`.
    pub(super) fn ask(
        &mut self,
        tool_call: &Value,
        output: &mut Vec<AgentOutput>,
    ) -> Option<Subject> {
        if self.quirks.confirms_all {
            return Some(self.ask_for_all(tool_call));
        }
        let index = self.call(tool_call, output)?;
        let call = &mut self.open[index];
        call.merge_asked(tool_call, self.quirks, &self.workspace);
        announce(call, output);
        Some(Subject {
            tool_name: call.name.clone(),
            tool_args: call.args(),
            calls: vec![call.id.clone()],
        })
    }

    /// Handles a permission request for all open calls.
    fn ask_for_all(&self, tool_call: &Value) -> Subject {
        let calls: Vec<String> = self.open.iter().map(|call| call.id.clone()).collect();
        if let [call] = &self.open[..] {
            return Subject {
                tool_name: call.name.clone(),
                tool_args: call.args(),
                calls,
            };
        }
        let args = self.open.iter().map(|call| {
            let mut args = call.args();
            args.insert("tool_name".to_owned(), json!(call.name));
            Value::Object(args)
        });
        // Not the name of a single tool, so that a rule for one of them does not admit the others.
        Subject {
            tool_name: tool_call["title"].as_str().unwrap_or("several").to_owned(),
            tool_args: Map::from_iter([("calls".to_owned(), args.collect())]),
            calls,
        }
    }

    /// Marks these calls as refused.
    pub(super) fn refuse(&mut self, calls: &[String]) {
        for call in &mut self.open {
            call.is_refused |= calls.contains(&call.id);
        }
    }

    /// Marks the turn as cancelled.
    pub(super) const fn cancelled(&mut self) {
        self.is_cancelled = true;
    }

    /// Closes the open calls at the end of the turn, since no further updates will follow.
    pub(super) fn turn_ended(&mut self, output: &mut Vec<AgentOutput>) {
        for mut call in std::mem::take(&mut self.open) {
            call.give_up();
            announce(&mut call, output);
            self.end(call, output);
        }
        self.is_cancelled = false;
    }

    /// Returns the index of the call of `update`, which is opened if new. `None` if it has ended or
    /// has no id.
    fn call(&mut self, update: &Value, output: &mut Vec<AgentOutput>) -> Option<usize> {
        let id = update["toolCallId"].as_str()?;
        if let Some(index) = self.open.iter().position(|call| call.id == id) {
            return Some(index);
        }
        if self.ended.iter().any(|ended| ended == id) {
            return None;
        }
        if self.open.len() >= OPEN_MAX {
            let mut oldest = self.open.remove(0);
            oldest.give_up();
            announce(&mut oldest, output);
            self.end(oldest, output);
        }
        self.open.push(ToolCall::new(id, self.quirks));
        Some(self.open.len() - 1)
    }

    fn end(&mut self, call: ToolCall, output: &mut Vec<AgentOutput>) {
        let mut result = call.result(self.quirks);
        // Some agents report a command as completed after killing it.
        result.is_failed |= self.is_cancelled && call.is_command() && result.exit_code.is_none();
        if !result.is_failed {
            let place = EditContext {
                workspace: &self.workspace,
                tool_execution_id: &call.id,
                diff_url: &self.diff_url,
            };
            for change in call.changes(&self.workspace) {
                let events = change.events(&place, call.description(self.quirks));
                output.extend(events.map(AgentOutput::Event));
            }
        }
        output.push(AgentOutput::Event(EventPayload::ToolResult(ToolResult {
            tool_name: call.name,
            tool_output: result.output,
            tool_execution_id: call.id.clone(),
            status: if result.is_failed {
                ToolOutcome::Failed
            } else {
                ToolOutcome::Completed
            },
            exit_code: result.exit_code,
        })));
        self.ended.push_back(call.id);
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
    }
}

/// Reports the use of a tool, once.
fn announce(call: &mut ToolCall, output: &mut Vec<AgentOutput>) {
    if call.is_announced {
        return;
    }
    call.is_announced = true;
    output.push(AgentOutput::Event(EventPayload::ToolUse(ToolUse {
        tool_name: call.name.clone(),
        tool_args: call.args(),
        tool_execution_id: call.id.clone(),
        status: ToolUseStatus::Started,
    })));
}

#[cfg(test)]
mod tests;
