//! One-line descriptions of events.

use ah_rest_api_contract::{
    EventPayload, FileEdit, MessageRole, PermissionOutcome, StatusChange, ToolOutcome, ToolResult,
};

use crate::follow::{content_words, usage_words};
use crate::text;
use crate::tool;

/// Describes an event in one line.
pub(super) fn describe(payload: &EventPayload) -> String {
    let words = match payload {
        EventPayload::Status(change) => status(change),
        EventPayload::Log(log) => format!("{} {}", log.level.as_str(), log.message),
        EventPayload::Message(message) => {
            let role = match message.role {
                MessageRole::User => "user",
                MessageRole::Assistant => "assistant",
            };
            let said: Vec<String> = message.content.iter().map(content_words).collect();
            format!("{role}: {}", said.join(" "))
        }
        EventPayload::Thought(thought) => thought.thought.clone(),
        EventPayload::ToolUse(used) => {
            format!("{} {}", used.tool_name, tool::argument(&used.tool_args))
        }
        EventPayload::ToolResult(result) => tool_result(result),
        EventPayload::FileEdit(edit) => file_edit(edit),
        EventPayload::Diff(diff) => diff.path.clone(),
        EventPayload::PermissionRequest(request) => format!(
            "{} {} {}",
            request.request_id,
            request.tool_name,
            tool::argument(&request.tool_args)
        ),
        EventPayload::PermissionResolved(resolved) => {
            let outcome = match resolved.outcome {
                PermissionOutcome::Selected => "selected",
                PermissionOutcome::Cancelled => "cancelled",
                PermissionOutcome::Expired => "expired",
            };
            let option = resolved.option_id.as_deref().unwrap_or("no option");
            format!(
                "{} {outcome}: {option}, by {}",
                resolved.request_id, resolved.by
            )
        }
        EventPayload::Plan(plan) => {
            let steps: Vec<&str> = plan
                .entries
                .iter()
                .map(|entry| entry.content.as_str())
                .collect();
            steps.join("; ")
        }
        EventPayload::Usage(usage) => usage_words(usage).unwrap_or_else(|| "nothing".to_owned()),
        EventPayload::Progress(progress) => format!("{} % {}", progress.progress, progress.stage),
        EventPayload::Error(error) => error.message.clone(),
        EventPayload::Moment(moment) => moment.note.clone(),
        EventPayload::Delivery(delivery) => format!("{} {}", delivery.mode, delivery.url),
        EventPayload::Note(note) => note.message.clone(),
        other @ (EventPayload::FenceStarted(_)
        | EventPayload::FenceResult(_)
        | EventPayload::HostStarted(_)
        | EventPayload::HostLog(_)
        | EventPayload::HostExited(_)
        | EventPayload::Summary(_)
        | EventPayload::FollowersCatalog(_)) => {
            // A type with its fields always serializes.
            serde_json::to_string(other).unwrap_or_default()
        }
    };
    text::one_line(&words)
}

fn status(change: &StatusChange) -> String {
    let mut words = match change.previous {
        Some(previous) => format!("{previous} → {}", change.status),
        None => change.status.to_string(),
    };
    if let Some(reason) = &change.reason {
        words.push_str(&format!(": {reason}"));
    }
    if let Some(code) = change.exit_code {
        words.push_str(&format!(" (exit code {code})"));
    }
    if let Some(signal) = change.signal {
        words.push_str(&format!(" (signal {signal})"));
    }
    words
}

fn tool_result(result: &ToolResult) -> String {
    let outcome = match result.status {
        ToolOutcome::Completed => "completed",
        ToolOutcome::Failed => "failed",
    };
    let code = result.exit_code.map(|code| format!(" (exit {code})"));
    let said = text::last_line(&result.tool_output);
    format!(
        "{} {outcome}{}  {said}",
        result.tool_name,
        code.unwrap_or_default()
    )
}

fn file_edit(edit: &FileEdit) -> String {
    format!(
        "+{} -{} {}  {}",
        edit.lines_added,
        edit.lines_removed,
        edit.file_path,
        edit.description.as_deref().unwrap_or_default()
    )
}
