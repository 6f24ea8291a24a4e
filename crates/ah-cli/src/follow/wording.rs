//! Renders single events that need no context.

use ah_rest_api_contract::{
    FileEdit, Log, LogLevel, PermissionOption, PermissionOutcome, PermissionResolved, Plan,
    PlanStatus,
};

use crate::style::{Line, Paint};
use crate::text;

/// The maximum number of plan entries that are shown.
const PLAN_ENTRIES_MAX: usize = 12;

/// Returns a line for a log event, if it is relevant to people. Output of a tool is part of the
/// tool's own line.
pub(super) fn log_line(log: &Log) -> Option<Line> {
    if log.tool_execution_id.is_some() {
        return None;
    }
    let (paint, sign) = match log.level {
        LogLevel::Error => (Paint::Bad, '!'),
        LogLevel::Warn => (Paint::Warn, '!'),
        LogLevel::Info => (Paint::Dim, '·'),
        _ => return None,
    };
    Some(Line::of(
        paint,
        format!("{sign} {}", text::one_line(&log.message)),
    ))
}

/// Describes how a permission request was resolved.
pub(super) fn answer_words(
    resolved: &PermissionResolved,
    option: Option<&PermissionOption>,
) -> String {
    let chosen = option
        .map(|option| text::one_line(&option.label))
        .or_else(|| resolved.option_id.as_deref().map(text::one_line));
    match (resolved.outcome, chosen) {
        (PermissionOutcome::Selected, Some(label)) => label,
        (PermissionOutcome::Selected, None) => "answered".to_owned(),
        (PermissionOutcome::Cancelled, _) => "withdrawn".to_owned(),
        (PermissionOutcome::Expired, Some(label)) => {
            format!("{label} (timed out)")
        }
        (PermissionOutcome::Expired, None) => "timed out".to_owned(),
        (other, _) => other.to_string(),
    }
}

/// Returns the line of an edit: `✎ +3 -1 src/main.rs`.
pub(super) fn file_edit(edit: &FileEdit) -> Line {
    let mut line = Line::of(Paint::Accent, "✎ ")
        .with(Paint::Good, format!("+{}", edit.lines_added))
        .with(Paint::Bad, format!(" -{}", edit.lines_removed))
        .with(
            Paint::Plain,
            format!(" {}", text::one_line(&edit.file_path)),
        );
    if let Some(description) = &edit.description {
        line = line.with(Paint::Dim, format!("  {}", text::one_line(description)));
    }
    line
}

/// Returns a plan as a checklist.
pub(super) fn plan_lines(plan: &Plan) -> Vec<Line> {
    let done = plan
        .entries
        .iter()
        .filter(|entry| entry.status == PlanStatus::Completed)
        .count();
    let mut lines = vec![Line::of(Paint::Accent, "☰ ").with(
        Paint::Dim,
        format!("plan, {done} of {} done", plan.entries.len()),
    )];
    for entry in plan.entries.iter().take(PLAN_ENTRIES_MAX) {
        let content = text::one_line(&entry.content);
        lines.push(match entry.status {
            PlanStatus::InProgress => Line::of(Paint::Accent, "  ▸ ").with(Paint::Bold, content),
            PlanStatus::Completed => Line::of(Paint::Good, "  ☑ ").with(Paint::Dim, content),
            _ => Line::of(Paint::Plain, format!("  ☐ {content}")),
        });
    }
    let left_out = plan.entries.len().saturating_sub(PLAN_ENTRIES_MAX);
    if left_out > 0 {
        let words = text::counted(left_out as u64, "more step");
        lines.push(Line::of(Paint::Dim, format!("  … {words}")));
    }
    lines
}

/// Returns the start of a tool's line: its name and argument.
pub(super) fn tool_head(name: &str, argument: &str) -> Line {
    let head = Line::of(Paint::Accent, "⚙ ").with(Paint::Bold, text::one_line(name));
    if argument.is_empty() {
        head
    } else {
        head.with(Paint::Plain, format!(" {argument}"))
    }
}

/// Joins a tool call and its result in one line. The outcome is always visible; the argument and
/// the last output line share the remaining columns.
pub(super) fn fold_tool_line(
    name: &str,
    argument: &str,
    outcome: Line,
    output: &str,
    columns: Option<usize>,
) -> Line {
    /// The minimum number of columns for useful output.
    const OUTPUT_MIN: usize = 8;
    /// The columns between the outcome and the output.
    const GAP: usize = 2;
    let Some(columns) = columns else {
        let line = tool_head(name, argument).join(outcome);
        return if output.is_empty() {
            line
        } else {
            line.with(Paint::Dim, format!("  {output}"))
        };
    };
    let fixed = tool_head(name, "").width() + 1 + outcome.width();
    let room = columns.saturating_sub(fixed);
    // The argument keeps at least three fifths of the columns.
    let wanted = (text::width(output) + GAP).min(room * 2 / 5);
    let kept = if wanted < OUTPUT_MIN + GAP {
        room
    } else {
        room - wanted
    };
    let argument = text::cut(argument, kept);
    let left = room.saturating_sub(text::width(&argument) + GAP);
    let line = tool_head(name, &argument).join(outcome);
    if left < OUTPUT_MIN || output.is_empty() {
        line
    } else {
        line.with(Paint::Dim, format!("  {}", text::cut(output, left)))
    }
}
