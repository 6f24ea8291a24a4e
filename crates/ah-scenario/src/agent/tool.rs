//! The run of a tool, played as the script says.

use std::collections::VecDeque;
use std::time::Duration;

use ah_lifecycle::turns::AgentOutput;
use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, ToolOutcome, ToolProgress, ToolResult, ToolUse,
};
use serde_json::{Map, Value};

use super::step::AgentStep;
use crate::{ExecutionOutput, ProgressLine, ScriptedToolUse, ToolCall};

/// Adds the run of a tool to `due`: its start, its progress, its edit, and its result.
pub(super) fn play(tool: &ScriptedToolUse, due: &mut VecDeque<AgentStep>) {
    let ScriptedToolUse { id, call } = tool;
    due.push_back(AgentStep::event(EventPayload::ToolUse(ToolUse::new(
        id.clone(),
        call.tool_name.clone(),
        call.args.clone(),
    ))));
    let run = run(call);
    let mut now = Duration::ZERO;
    for line in run.lines {
        wait(line.at.saturating_sub(now), due);
        now = now.max(line.at);
        let progress = ToolProgress::new(id.clone(), call.tool_name.clone(), line.message);
        let progress = EphemeralEvent::ToolProgress(progress);
        due.push_back(AgentStep::Output(AgentOutput::Ephemeral(progress)));
    }
    wait(run.end.saturating_sub(now), due);
    if run.outcome == ToolOutcome::Completed {
        due.extend(changed_file(&call.tool_name, &call.args));
    }
    due.push_back(AgentStep::event(EventPayload::ToolResult(
        ToolResult::new(id.clone(), call.tool_name.clone(), run.outcome, run.output)
            .with_exit_code(run.exit_code),
    )));
}

/// The course and the result of a tool's run.
struct Run {
    /// Its progress, by time.
    lines: Vec<ProgressLine>,
    /// Its end, from its start.
    end: Duration,
    output: String,
    outcome: ToolOutcome,
    exit_code: Option<i32>,
}

fn run(call: &ToolCall) -> Run {
    let mut lines = call.progress.clone();
    let mut end = lines.iter().map(|line| line.at).max().unwrap_or_default();
    let mut printed = String::new();
    let mut reported_code = None;
    for event in call.execution.iter().flat_map(|run| &run.events) {
        end = end.max(event.at);
        let message = match &event.output {
            ExecutionOutput::Printed(text) => {
                printed.push_str(text);
                text.trim().to_owned()
            }
            ExecutionOutput::Report(text) => text.clone(),
            ExecutionOutput::Completed { exit_code } => {
                reported_code = *exit_code;
                continue;
            }
        };
        lines.push(ProgressLine {
            at: event.at,
            message,
        });
    }
    lines.sort_by_key(|line| line.at);
    let by_code = match reported_code {
        None | Some(0) => ToolOutcome::Completed,
        Some(_) => ToolOutcome::Failed,
    };
    let outcome = call.outcome.unwrap_or(by_code);
    let exit_code = reported_code.or_else(|| {
        call.runs_command().then_some(match outcome {
            ToolOutcome::Completed => 0,
            _ => 1,
        })
    });
    Run {
        lines,
        end,
        output: call.result.clone().unwrap_or(printed),
        outcome,
        exit_code,
    }
}

/// Returns the edit of a tool that writes a file.
fn changed_file(tool_name: &str, args: &Map<String, Value>) -> Option<AgentStep> {
    let text = |name: &str| args.get(name).and_then(Value::as_str);
    let lines = |text: Option<&str>| text.map_or(0, |text| text.lines().count() as u64);
    let path = text("path")?.to_owned();
    match tool_name {
        "writeFile" => Some(AgentStep::file_edit(path, lines(text("content")), 0)),
        "editFile" => Some(AgentStep::file_edit(
            path,
            lines(text("newText")),
            lines(text("oldText")),
        )),
        _ => None,
    }
}

fn wait(delay: Duration, due: &mut VecDeque<AgentStep>) {
    if !delay.is_zero() {
        due.push_back(AgentStep::Wait(delay));
    }
}
