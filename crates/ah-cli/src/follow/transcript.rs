//! Renders a session's events as compact lines for people, a tool call and its result in one.
//!
//! The transcript keeps the state that later lines need, such as running tools and pending
//! questions. It knows neither the terminal nor the task manager.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, Gap, Message, MessageRole, PermissionId, PermissionRequested,
    PermissionResolved, PromptDelivery, SessionEvent, SessionStatus, StatusChange, Timestamp,
    ToolOutcome, ToolResult, ToolUse, TurnState,
};

use super::wording::{answer_words, file_edit, fold_tool_line, log_line, plan_lines, tool_head};

use crate::style::{Line, Paint};
use crate::text;

/// The maximum number of lines of a message.
const MESSAGE_LINES_MAX: usize = 8;
/// The maximum number of lines of a prompt.
const PROMPT_LINES_MAX: usize = 3;
/// The columns of the sign in the margin and the space after it.
const MARGIN: usize = 2;

/// The transcript of one session.
#[derive(Debug, Default)]
pub(crate) struct Transcript {
    status: Option<SessionStatus>,
    started: Option<Timestamp>,
    running_tools: Vec<(ToolUse, Timestamp)>,
    questions: BTreeMap<PermissionId, PermissionRequested>,
    doing: Doing,
}

/// The agent's current activity, as far as its events show.
#[derive(Debug, Default)]
enum Doing {
    #[default]
    Working,
    Idle,
    Thinking,
    Writing,
    At(String),
}

impl Transcript {
    /// Returns the launch time, once the first event was seen.
    pub(crate) const fn started(&self) -> Option<Timestamp> {
        self.started
    }

    /// Returns the pending permission requests, oldest first.
    pub(crate) fn questions(&self) -> impl Iterator<Item = &PermissionRequested> {
        self.questions.values()
    }

    /// Describes the session's current activity in a few words.
    pub(crate) fn now(&self) -> String {
        if let Some(question) = self.questions.values().next() {
            return format!(
                "waiting for permission: {}",
                text::one_line(&question.tool_name)
            );
        }
        match self.status {
            Some(SessionStatus::Running) => {}
            Some(status @ SessionStatus::Provisioning) => {
                return match &self.doing {
                    Doing::At(stage) => text::one_line(stage),
                    _ => status.to_string(),
                };
            }
            Some(status) => return status.to_string(),
            None => return "waiting for the first event".to_owned(),
        }
        if let Some((tool, _)) = self.running_tools.last() {
            return format!(
                "{} {}",
                text::one_line(&tool.tool_name),
                text::one_line(&tool.argument())
            );
        }
        match &self.doing {
            Doing::Working => "working".to_owned(),
            Doing::Idle => "idle".to_owned(),
            Doing::Thinking => "thinking".to_owned(),
            Doing::Writing => "writing".to_owned(),
            Doing::At(stage) => text::one_line(stage),
        }
    }

    /// Applies an event and returns its lines, wrapped to `columns` (`None`: no limit).
    pub(crate) fn apply(&mut self, event: &SessionEvent, columns: Option<usize>) -> Vec<Line> {
        self.started.get_or_insert(event.ts);
        match &event.payload {
            EventPayload::Status(change) => self.status_change(change),
            EventPayload::Message(message) => self.message(message, columns),
            EventPayload::Thought(thought) => {
                self.doing = Doing::Thinking;
                let thought = text::one_line(&thought.thought);
                vec![Line::of(Paint::Dim, format!("✻ {thought}"))]
            }
            EventPayload::ToolUse(tool) => {
                self.doing = Doing::Working;
                self.running_tools.push((tool.clone(), event.ts));
                Vec::new()
            }
            EventPayload::ToolResult(result) => vec![self.tool_result(result, event.ts, columns)],
            EventPayload::FileEdit(edit) => vec![file_edit(edit)],
            EventPayload::PermissionRequest(request) => vec![self.permission_request(request)],
            EventPayload::PermissionResolved(resolved) => vec![self.permission_resolved(resolved)],
            EventPayload::Plan(plan) => plan_lines(plan),
            EventPayload::Usage(usage) => {
                self.doing = Doing::Working;
                usage
                    .summary()
                    .map(|words| Line::of(Paint::Dim, format!("· {words}")))
                    .into_iter()
                    .collect()
            }
            EventPayload::Progress(progress) => {
                self.doing = Doing::At(format!("{} ({} %)", progress.stage, progress.progress));
                Vec::new()
            }
            EventPayload::Error(error) => {
                vec![Line::of(
                    Paint::Bad,
                    format!("! {}", text::one_line(&error.message)),
                )]
            }
            EventPayload::Turn(turn) => {
                self.doing = match turn.state {
                    TurnState::Ended => Doing::Idle,
                    _ => Doing::Working,
                };
                Vec::new()
            }
            // The summary and the list of sessions show these fields.
            EventPayload::SessionUpdate(_) => Vec::new(),
            EventPayload::Log(log) => log_line(log).into_iter().collect(),
            // The edit event of the same file shows enough.
            EventPayload::Diff(_) => Vec::new(),
            // An event of a newer server.
            other => vec![Line::of(
                Paint::Dim,
                format!(
                    "· {}: {}",
                    text::one_line(other.type_name()),
                    text::one_line(&other.summary())
                ),
            )],
        }
    }

    /// Applies an ephemeral event, which only changes the current activity.
    pub(crate) fn apply_ephemeral(&mut self, event: &EphemeralEvent) {
        self.doing = match event {
            EphemeralEvent::MessageDelta(_) => Doing::Writing,
            EphemeralEvent::ThoughtDelta(_) => Doing::Thinking,
            _ => return,
        };
    }

    /// Returns the line for a gap in the history.
    pub(crate) fn gap(gap: &Gap) -> Line {
        let missing = gap.earliest_seq.get().saturating_sub(gap.from_seq.get());
        let words = text::counted(missing, "event");
        Line::of(Paint::Warn, format!("⋯ {words} no longer retained"))
    }

    fn status_change(&mut self, change: &StatusChange) -> Vec<Line> {
        self.status = Some(change.status);
        let mut lines = Vec::new();
        if change.status.is_terminal() {
            self.questions.clear();
            for (tool, _) in std::mem::take(&mut self.running_tools) {
                lines.push(
                    tool_head(&tool.tool_name, &text::one_line(&tool.argument()))
                        .with(Paint::Warn, "  unfinished"),
                );
            }
            // The summary describes the end.
            return lines;
        }
        self.doing = Doing::Working;
        let sign = match change.status {
            SessionStatus::Running => "●",
            SessionStatus::Pausing | SessionStatus::Paused => "‖",
            SessionStatus::Resuming => "▸",
            SessionStatus::Stopping => "■",
            _ => "○",
        };
        let mut line = Line::of(Paint::Dim, format!("{sign} {}", change.status));
        if let Some(reason) = &change.reason {
            line = line.with(Paint::Dim, format!(": {}", text::one_line(reason)));
        }
        lines.push(line);
        lines
    }

    fn message(&mut self, message: &Message, columns: Option<usize>) -> Vec<Line> {
        self.doing = Doing::Working;
        let (sign, paint, limit) = match message.role {
            MessageRole::User => ("❯ ", Paint::Bold, PROMPT_LINES_MAX),
            _ => ("● ", Paint::Plain, MESSAGE_LINES_MAX),
        };
        let wrapped = text::wrap(
            &message.text(),
            columns.map(|columns| columns.saturating_sub(MARGIN)),
        );
        let left_out = wrapped.len().saturating_sub(limit);
        let mut lines = Vec::new();
        for (index, part) in wrapped.into_iter().take(limit).enumerate() {
            lines.push(match index {
                0 => Line::of(Paint::Accent, sign).with(paint, part),
                _ if part.is_empty() => Line::new(),
                _ => Line::of(Paint::Plain, "  ").with(paint, part),
            });
        }
        if left_out > 0 {
            let words = text::counted(left_out as u64, "more line");
            lines.push(Line::of(Paint::Dim, format!("  … {words}")));
        }
        let came = match message.delivery {
            Some(PromptDelivery::Steered) => " (steered)",
            _ => "",
        };
        if let Some(last) = lines.pop() {
            lines.push(last.with(Paint::Dim, came));
        }
        lines
    }

    fn tool_result(
        &mut self,
        result: &ToolResult,
        ended: Timestamp,
        columns: Option<usize>,
    ) -> Line {
        let started = self
            .running_tools
            .iter()
            .position(|(tool, _)| tool.tool_execution_id == result.tool_execution_id)
            .map(|index| self.running_tools.remove(index));
        let argument = started
            .as_ref()
            .map(|(tool, _)| text::one_line(&tool.argument()))
            .unwrap_or_default();
        let mut outcome = match (result.status, result.exit_code) {
            (ToolOutcome::Completed, None | Some(0)) => Line::of(Paint::Good, "  ✓"),
            (ToolOutcome::Completed, Some(code)) => {
                Line::of(Paint::Good, format!("  ✓ exit {code}"))
            }
            (_, Some(code)) => Line::of(Paint::Bad, format!("  ✗ exit {code}")),
            (_, None) => Line::of(Paint::Bad, "  ✗"),
        };
        if let Some((_, begun)) = &started {
            let took = text::duration(ended.since(*begun));
            outcome = outcome.with(Paint::Dim, format!(" {took}"));
        }
        // The contents of files and search results are shown to the agent only. The last line of a
        // command's output and the reason of a failure are useful to people.
        let shows_output = result.status == ToolOutcome::Failed
            || result.exit_code.is_some()
            || started.is_some_and(|(tool, _)| tool.runs_a_command());
        let output = if shows_output {
            text::last_line(&result.tool_output)
        } else {
            String::new()
        };
        fold_tool_line(&result.tool_name, &argument, outcome, &output, columns)
    }

    fn permission_request(&mut self, request: &PermissionRequested) -> Line {
        self.questions.insert(request.request_id, request.clone());
        Line::of(Paint::Warn, "? ")
            .with(Paint::Bold, text::one_line(&request.tool_name))
            .with(
                Paint::Plain,
                format!(" {}", text::one_line(&request.argument())),
            )
            .with(Paint::Dim, " needs permission")
    }

    fn permission_resolved(&mut self, resolved: &PermissionResolved) -> Line {
        let request = self.questions.remove(&resolved.request_id);
        let option = request.as_ref().and_then(|request| {
            let id = resolved.option_id.as_deref()?;
            request.options.iter().find(|option| option.id == id)
        });
        let allowed = option.is_some_and(|option| option.kind.allows());
        let answer = answer_words(resolved, option);
        let sign = if allowed {
            (Paint::Good, "✓ ")
        } else {
            (Paint::Bad, "✗ ")
        };
        Line::of(sign.0, sign.1)
            .with(Paint::Plain, answer)
            .with(Paint::Dim, format!(" by {}", text::one_line(&resolved.by)))
    }
}

#[cfg(test)]
mod tests;
