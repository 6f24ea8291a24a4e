//! Draws the board as text, for a terminal and for tests.

use ah_rest_api_contract::{EventPayload, SessionEvent, ToolOutcome, ToolResult, ToolUse};

use crate::board::Board;
use crate::card::Card;

/// The maximum length of a row's text, in characters.
const SAYS_CHARS_MAX: usize = 72;

/// Draws the board: a line of counts, then each session with its last actions.
#[must_use]
pub fn draw(board: &Board) -> String {
    let counts = board.counts();
    let mut text = format!("{}\n", board.title());
    let parts = [
        (counts.running, "running"),
        (counts.asking, "awaiting permission"),
        (counts.queued, "queued"),
        (counts.completed, "completed"),
        (counts.failed, "failed"),
        (counts.stopped, "stopped"),
    ];
    let shown = parts.iter().filter(|(count, _)| *count > 0);
    let shown: Vec<String> = shown
        .map(|(count, kind)| format!("{count} {kind}"))
        .collect();
    line(&mut text, &shown.join(" · "));
    if let Some(notice) = board.notice() {
        line(&mut text, &format!("! {notice}"));
    }
    for card in board.cards() {
        text.push('\n');
        draw_card(&mut text, card);
    }
    text
}

fn draw_card(text: &mut String, card: &Card) {
    let session = card.session();
    let prompt = says(&session.prompt);
    let changes = session.changes.filter(|changes| changes.files_changed > 0);
    let changes = changes.map_or_else(String::new, |changes| {
        let files = if changes.files_changed == 1 {
            "file"
        } else {
            "files"
        };
        format!(
            "  {} {files} +{} -{}",
            changes.files_changed, changes.lines_added, changes.lines_removed
        )
    });
    line(
        text,
        &format!(
            "{:12} {prompt}  [{}]{changes}",
            session.status, session.agent.agent_type
        ),
    );
    for event in &session.recent_events {
        if let Some((verb, what)) = row(event) {
            line(text, &format!("    {verb:8} {}", says(&what)));
        }
    }
    for tool in card.asks() {
        line(text, &format!("    waits    for permission to use {tool}"));
    }
    if let Some(reason) = session.reason.as_deref().filter(|_| !card.is_live()) {
        line(text, &format!("    reason   {}", says(reason)));
    }
}

/// Returns the verb and the subject of an event's row.
fn row(event: &SessionEvent) -> Option<(&'static str, String)> {
    Some(match &event.payload {
        EventPayload::Thought(thought) => ("thinks", thought.thought.clone()),
        EventPayload::ToolUse(tool) => ("uses", used(tool)),
        EventPayload::ToolResult(result) => (outcome(result), result.tool_name.clone()),
        EventPayload::FileEdit(edit) => (
            "edits",
            format!(
                "{} +{} -{}",
                edit.file_path, edit.lines_added, edit.lines_removed
            ),
        ),
        _ => return None,
    })
}

/// Returns a tool with its most informative argument line, without leading comments of a script.
fn used(tool: &ToolUse) -> String {
    let arguments = tool.tool_args.values().filter_map(|value| value.as_str());
    let mut lines = arguments.flat_map(str::lines).map(str::trim);
    let telling = lines.find(|line| !line.is_empty() && !line.starts_with('#'));
    format!("{} {}", tool.tool_name, telling.unwrap_or_default())
}

const fn outcome(result: &ToolResult) -> &'static str {
    match result.status {
        ToolOutcome::Completed => "has used",
        _ => "failed",
    }
}

/// Returns the first line of a text, cut.
fn says(text: &str) -> String {
    let first = text.trim().lines().next().unwrap_or_default();
    let mut cut: String = first.chars().take(SAYS_CHARS_MAX).collect();
    if cut.len() < first.len() {
        cut.push('…');
    }
    cut
}

fn line(text: &mut String, line: &str) {
    text.push_str(line.trim_end());
    text.push('\n');
}
