//! Tool uses.

use ah_rest_api_contract::ToolOutcome;

use super::content;
use crate::node::{Node, NodeKind};
use crate::{
    ExecutionEvent, ExecutionOutput, ProgressLine, ScenarioError, ToolCall, ToolExecution,
};

const OUTCOMES: &[(&str, ToolOutcome)] = &[
    ("ok", ToolOutcome::Completed),
    ("success", ToolOutcome::Completed),
    ("completed", ToolOutcome::Completed),
    ("error", ToolOutcome::Failed),
    ("failed", ToolOutcome::Failed),
];

/// Parses `agentToolUse`.
pub(super) fn call(value: &Node) -> Result<ToolCall, ScenarioError> {
    let args = value.field("args");
    if let Some(args) = args {
        args.map()?;
    }
    let progress = match value.field("progress") {
        Some(progress) => progress_lines(progress)?,
        None => Vec::new(),
    };
    Ok(ToolCall {
        tool_name: value.required("toolName")?.text()?.to_owned(),
        args: args.map(Node::to_object).unwrap_or_default(),
        call_id: value.optional_text("toolCallId")?,
        progress,
        result: value.field("result").map(result_text),
        outcome: value
            .field("status")
            .map(|node| node.word(OUTCOMES))
            .transpose()?,
        execution: value.field("toolExecution").map(execution).transpose()?,
    })
}

/// Returns a result as text. Other types are encoded as JSON.
fn result_text(node: &Node) -> String {
    match &node.kind {
        NodeKind::Text(text) => text.clone(),
        _ => node.to_value().to_string(),
    }
}

fn progress_lines(value: &Node) -> Result<Vec<ProgressLine>, ScenarioError> {
    let mut lines = Vec::new();
    for item in value.list()? {
        let (at, message) = content::timed_field(item, "message")?;
        let message = message.text()?.to_owned();
        lines.push(ProgressLine { at, message });
    }
    // The sort is stable, so lines with the same time keep their order.
    lines.sort_by_key(|line| line.at);
    Ok(lines)
}

fn execution(value: &Node) -> Result<ToolExecution, ScenarioError> {
    let start = value
        .field("startTimeMs")
        .map(Node::millis)
        .transpose()?
        .unwrap_or_default();
    let mut events = Vec::new();
    for item in value.required("events")?.list()? {
        let at = start + item.required("timeMs")?.millis()?;
        let output = execution_output(item)?;
        events.push(ExecutionEvent { at, output });
    }
    events.sort_by_key(|event| event.at);
    Ok(ToolExecution { events })
}

fn execution_output(item: &Node) -> Result<ExecutionOutput, ScenarioError> {
    #[derive(Clone, Copy)]
    enum Type {
        Printed,
        Report,
        Completion,
    }
    let kind = item.required("type")?.word(&[
        ("stdout", Type::Printed),
        ("stderr", Type::Printed),
        ("progress", Type::Report),
        ("completion", Type::Completion),
    ])?;
    let content = || {
        item.required("content")
            .and_then(Node::text)
            .map(str::to_owned)
    };
    Ok(match kind {
        Type::Printed => ExecutionOutput::Printed(content()?),
        Type::Report => ExecutionOutput::Report(content()?),
        Type::Completion => ExecutionOutput::Completed {
            exit_code: item.field("exitCode").map(exit_code).transpose()?,
        },
    })
}

fn exit_code(node: &Node) -> Result<i32, ScenarioError> {
    i32::try_from(node.count()?).map_err(|_| node.expected("an exit code"))
}
