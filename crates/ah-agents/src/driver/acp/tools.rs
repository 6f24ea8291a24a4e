//! Tool calls: announced, updated, permitted and ended, in the order of each agent.
//!
//! The reports about a call are merged by the agent's id of it. Many agents reuse ids, so the log
//! has ids of its own, and a report that cannot belong to the known call begins another one.

mod asked;
mod call;
mod ended;
mod judged;
mod report;

use std::path::PathBuf;

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, LogLevel, ToolOutcome, ToolProgress, ToolResult, ToolUse,
};
use serde_json::{Map, Value, json};

use super::edits::EditContext;
use super::quirks::Quirks;
use super::strays::log;
use ah_lifecycle::turns::{AgentOutput, OtherClaims, Settling};
use asked::Asked;
use call::{AgentCall, Status};
use ended::EndedCalls;
use report::{inputs_differ, read_input};

/// The maximum number of open calls. An agent has one or a few; if it opens more, the oldest is
/// closed.
const OPEN_MAX: usize = 256;

/// The maximum size of the images, sounds and documents that open calls hold, in bytes of base64.
const HELD_BYTES_MAX: usize = 32 * 1024 * 1024;

/// The tool calls of a session.
#[derive(Debug)]
pub(super) struct Tools {
    quirks: &'static Quirks,
    workspace: PathBuf,
    /// The URL of the session's diff.
    diff_url: String,
    /// The number of calls so far.
    count: u64,
    in_turn: bool,
    /// The open calls, oldest first.
    open: Vec<AgentCall>,
    ended: EndedCalls,
}

/// The subject of a permission request.
#[derive(Debug, PartialEq)]
pub(super) struct Subject {
    pub(super) tool_name: String,
    pub(super) tool_args: Map<String, Value>,
    /// The paths and further names that the policy judges, beside the name and the arguments.
    pub(super) other: OtherClaims,
    /// The calls that it covers, by their ids in the log.
    pub(super) calls: Vec<String>,
    /// True if the request is about a tool call. Otherwise it is a question.
    pub(super) is_tool: bool,
}

/// A report about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Report {
    /// A `tool_call`, which announces it.
    Announcement,
    /// A `tool_call_update`.
    Update,
}

impl Tools {
    pub(super) const fn new(quirks: &'static Quirks, workspace: PathBuf, diff_url: String) -> Self {
        Self {
            quirks,
            workspace,
            diff_url,
            count: 0,
            in_turn: false,
            open: Vec::new(),
            ended: EndedCalls::new(),
        }
    }

    /// Sets the quirks once the agent is known.
    pub(super) const fn set_quirks(&mut self, quirks: &'static Quirks) {
        self.quirks = quirks;
    }

    /// Handles a `tool_call` or a `tool_call_update`.
    pub(super) fn update(&mut self, update: &Value, output: &mut Vec<AgentOutput>) {
        let Some(agent_id) = read_id(update) else {
            return;
        };
        let report = if update["sessionUpdate"] == "tool_call" {
            Report::Announcement
        } else {
            Report::Update
        };
        if report == Report::Update && self.is_about_earlier(&agent_id, update) {
            return self.late(&agent_id, update, output);
        }
        let index = match self.find_open(&agent_id, update, report) {
            Some(index) => index,
            None if report == Report::Update && self.ended.is_about_ended(&agent_id, update) => {
                return self.late(&agent_id, update, output);
            }
            None => self.begin(&agent_id, output),
        };
        let room = self.room();
        let call = &mut self.open[index];
        let had_printed = call.has_printed();
        call.merge(update, self.quirks, &self.workspace);
        call.merge_binaries(update, room);
        let is_over = call.status.is_over();
        if is_over || call.input_is_known(self.quirks) {
            announce(call, output);
        }
        if is_over {
            let call = self.open.remove(index);
            self.end(call, output);
        } else if call.is_announced && call.has_printed() > had_printed {
            output.push(AgentOutput::Ephemeral(EphemeralEvent::ToolProgress(
                ToolProgress::new(call.id.clone(), call.name.clone(), call.last_line()),
            )));
        }
    }

    /// Returns true if `update` repeats the input of a call that was closed by a guess, and an open
    /// call with the same id has another input.
    fn is_about_earlier(&self, agent_id: &str, update: &Value) -> bool {
        let input = read_input(update);
        let is_other =
            |call: &AgentCall| call.agent_id == agent_id && inputs_differ(&input, call.input());
        self.open.iter().any(is_other) && self.ended.has_guessed(agent_id, &input)
    }

    /// Handles an update of a call that has ended. Its result replaces a guess; otherwise it is
    /// dropped.
    fn late(&mut self, agent_id: &str, update: &Value, output: &mut Vec<AgentOutput>) {
        if !Status::read(update).is_some_and(Status::is_over) {
            return;
        }
        if let Some(mut call) = self.ended.take_guessed(agent_id) {
            call.merge(update, self.quirks, &self.workspace);
            call.merge_binaries(update, self.room());
            self.end(call, output);
        }
    }

    /// Returns the size of the images, sounds and documents that open calls may still hold, in
    /// bytes.
    fn room(&self) -> usize {
        let held: usize = self.open.iter().map(AgentCall::held).sum();
        HELD_BYTES_MAX.saturating_sub(held)
    }

    /// Handles a permission request for `tool_call`.
    pub(super) fn ask(&mut self, tool_call: &Value, output: &mut Vec<AgentOutput>) -> Subject {
        let asked = Asked::read(tool_call, &self.workspace);
        let id = read_id(tool_call);
        let known = id.as_ref().and_then(|id| {
            let same_id = |call: &AgentCall| call.agent_id == *id;
            self.open.iter().rposition(same_id)
        });
        let has_title = id.is_some() && (asked.title.is_some() || asked.kind.is_some());
        let is_call = asked.describes_tool() || has_title && !self.quirks.confirms_all;
        if known.is_none() && !is_call {
            return self.ask_without_call(asked);
        }
        let agent_id = id.unwrap_or_default();
        let contradicted = known.filter(|index| asked.contradicts(&self.open[*index]));
        let index = match (known, contradicted) {
            (Some(index), None) => index,
            (Some(_), Some(_)) | (None, _) => self.begin(&agent_id, output),
        };
        // The announced call may have been closed to make room for this one.
        let contradicted = contradicted
            .is_some()
            .then(|| {
                self.open[..index]
                    .iter()
                    .rfind(|it| it.agent_id == agent_id)
            })
            .flatten();
        if let Some(announced) = contradicted {
            let message = format!(
                "the agent requests permission for another call than it announced with the id \
                 `{agent_id}`, which was `{}`",
                announced.name
            );
            output.push(log(LogLevel::Warn, message));
        }
        let mut merged = self.open[index].clone();
        merged.merge_asked(&asked);
        let (tool_name, tool_args, other) = asked.judged(&merged, contradicted, &self.workspace);
        self.open[index] = merged;
        self.open[index].is_waiting = true;
        let call = &mut self.open[index];
        announce(call, output);
        Subject {
            tool_name,
            tool_args,
            other,
            calls: vec![call.id.clone()],
            is_tool: true,
        }
    }

    /// Handles a permission request that describes no call: it is about all open calls for an
    /// agent that asks so, and otherwise a question.
    fn ask_without_call(&self, asked: Asked) -> Subject {
        let title = asked.title.unwrap_or_default();
        if !self.quirks.confirms_all || self.open.is_empty() {
            let texts = [("title", title), ("text", asked.text)];
            let texts = texts.into_iter().filter(|(_, text)| !text.is_empty());
            return Subject {
                tool_name: "question".to_owned(),
                tool_args: texts
                    .map(|(name, text)| (name.to_owned(), json!(text)))
                    .collect(),
                other: OtherClaims::default(),
                calls: Vec::new(),
                is_tool: false,
            };
        }
        let calls: Vec<String> = self.open.iter().map(|call| call.id.clone()).collect();
        if let [call] = &self.open[..] {
            return Subject {
                tool_name: call.name.clone(),
                tool_args: call.args(),
                other: OtherClaims::default(),
                calls,
                is_tool: true,
            };
        }
        let args = self.open.iter().map(|call| {
            let mut args = call.args();
            args.insert("tool_name".to_owned(), json!(call.name));
            Value::Object(args)
        });
        Subject {
            tool_args: Map::from_iter([("calls".to_owned(), args.collect())]),
            // Not the name of a single tool, so that a rule for one of them does not admit the
            // others. Each of them must be allowed as well.
            tool_name: if title.is_empty() {
                "several".to_owned()
            } else {
                title
            },
            other: OtherClaims {
                names: self.open.iter().map(|call| call.name.clone()).collect(),
                paths: Vec::new(),
            },
            calls,
            is_tool: true,
        }
    }

    /// Notes the answer to the permission request for these calls.
    pub(super) fn answered(&mut self, calls: &[String], is_refused: bool) {
        for call in &mut self.open {
            if calls.contains(&call.id) {
                call.is_waiting = false;
                call.is_refused |= is_refused;
            }
        }
    }

    /// Marks the open calls as cancelled with their turn.
    pub(super) fn cancelled(&mut self) {
        for call in &mut self.open {
            call.is_cancelled = true;
        }
    }

    /// Notes the start of a turn.
    pub(super) const fn turn_started(&mut self) {
        self.in_turn = true;
    }

    /// Closes the refused calls at the end of the turn, since no result of them follows. The
    /// results of other open calls may still arrive.
    pub(super) fn turn_ended(&mut self, output: &mut Vec<AgentOutput>) {
        self.in_turn = false;
        self.give_up_if(|call| call.is_refused, output);
    }

    /// Closes open calls, as far as `settling` says. A result that arrives later replaces the
    /// guess.
    pub(super) fn settle(&mut self, settling: Settling, output: &mut Vec<AgentOutput>) {
        let goes_on = |call: &AgentCall| {
            let runs = call.began_between_turns && call.status == Status::Running;
            settling == Settling::Quiet && (call.is_waiting || runs && !call.is_refused)
        };
        self.give_up_if(|call| !goes_on(call), output);
    }

    fn give_up_if(
        &mut self,
        mut is_over: impl FnMut(&AgentCall) -> bool,
        output: &mut Vec<AgentOutput>,
    ) {
        let over: Vec<AgentCall> = self.open.extract_if(.., |call| is_over(call)).collect();
        for call in over {
            self.give_up(call, output);
        }
    }

    /// Returns the index of the open call that `update` is about.
    fn find_open(&self, agent_id: &str, update: &Value, report: Report) -> Option<usize> {
        let status = Status::read(update);
        let same_id = |index: &usize| self.open[*index].agent_id == agent_id;
        let mut known: Vec<usize> = (0..self.open.len()).filter(same_id).collect();
        // A call without permission does not complete, so the result is of one beside it.
        let may_complete = |index: &usize| {
            let call = &self.open[*index];
            !call.is_waiting && !call.is_refused
        };
        if status == Some(Status::Completed) && known.iter().any(may_complete) {
            known.retain(may_complete);
        }
        let fitting = known.iter().rfind(|index| self.open[**index].fits(update));
        let found = fitting.or_else(|| match report {
            Report::Announcement => None,
            // A result has nothing but its id to refer to a call.
            Report::Update if status.is_some_and(Status::is_over) => known.last(),
            Report::Update => known
                .iter()
                .rfind(|index| !self.open[**index].is_another_than(update)),
        });
        found.copied()
    }

    /// Opens a call, and returns its index.
    fn begin(&mut self, agent_id: &str, output: &mut Vec<AgentOutput>) -> usize {
        if self.open.len() >= OPEN_MAX {
            let oldest = self.open.remove(0);
            self.give_up(oldest, output);
        }
        self.count += 1;
        let id = format!("call-{}", self.count);
        let mut call = AgentCall::new(id, agent_id, self.quirks);
        call.began_between_turns = !self.in_turn;
        self.open.push(call);
        self.open.len() - 1
    }

    fn give_up(&mut self, mut call: AgentCall, output: &mut Vec<AgentOutput>) {
        call.give_up();
        announce(&mut call, output);
        self.end(call, output);
    }

    fn end(&mut self, mut call: AgentCall, output: &mut Vec<AgentOutput>) {
        let mut result = call.result(self.quirks);
        // Some agents report a command as completed after killing it.
        result.is_failed |= call.is_cancelled && call.is_command() && result.exit_code.is_none();
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
        let result = ToolResult::new(
            call.id.clone(),
            call.name.clone(),
            if result.is_failed {
                ToolOutcome::Failed
            } else {
                ToolOutcome::Completed
            },
            result.output,
        )
        .with_exit_code(result.exit_code);
        let binaries = call.take_binaries();
        output.push(if binaries.is_empty() {
            AgentOutput::Event(EventPayload::ToolResult(result))
        } else {
            AgentOutput::ToolResult { result, binaries }
        });
        self.ended.add(call);
    }
}

/// Returns the agent's id of a call.
fn read_id(update: &Value) -> Option<String> {
    match &update["toolCallId"] {
        Value::String(id) => Some(id.clone()),
        Value::Number(id) => Some(id.to_string()),
        _ => None,
    }
}

/// Reports the use of a tool, once.
fn announce(call: &mut AgentCall, output: &mut Vec<AgentOutput>) {
    if call.is_announced {
        return;
    }
    call.is_announced = true;
    output.push(AgentOutput::Event(EventPayload::ToolUse(ToolUse::new(
        call.id.clone(),
        call.name.clone(),
        call.args(),
    ))));
}

#[cfg(test)]
mod tests;
