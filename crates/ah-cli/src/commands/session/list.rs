//! `ah session list`.

use ah_rest_api_contract::{
    Activity, AgentType, ChangeSummary, PageRequest, RepoMode, RepositorySource, Session,
    SessionQuery, SessionStatus, TaskManager,
};

use crate::args::ListArgs;
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::table::{Cell, Column, table};
use crate::text;

/// The terminal width from which ids are shown in full.
const COLUMNS_FOR_WHOLE_IDS: usize = 110;

/// Lists sessions.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: ListArgs,
    context: &Context,
) -> Result<(), Failure> {
    let is_filtered = !args.status.is_empty() || args.agent.is_some();
    let sessions = manager
        .list_sessions(SessionQuery {
            statuses: args.status,
            agent: args.agent.map(AgentType::new),
            labels: args.labels.into_iter().collect(),
            include_archived: args.all,
            page: PageRequest::new(1, args.limit)?,
            ..SessionQuery::default()
        })
        .await?;
    if sessions.items.is_empty() && !context.json {
        context.terminal.hint(if is_filtered {
            "no session matches"
        } else {
            "no sessions; start one with `ah task \"…\"`"
        });
        return Ok(());
    }
    let now = clock::now();
    context.show(&sessions, || {
        lines(&sessions.items, now, context.terminal.columns())
    })?;
    let left_out = sessions.total.saturating_sub(sessions.items.len() as u64);
    if left_out > 0 && !context.json {
        let words = text::counted(left_out, "older session");
        context
            .terminal
            .hint(format!("{words}: --limit shows more"));
    }
    Ok(())
}

fn lines(
    sessions: &[Session],
    now: ah_rest_api_contract::Timestamp,
    columns: Option<usize>,
) -> Vec<Line> {
    let whole_ids = columns.is_none_or(|columns| columns >= COLUMNS_FOR_WHOLE_IDS);
    let rows = sessions
        .iter()
        .map(|session| {
            let id = if whole_ids {
                session.id.to_string()
            } else {
                short(session.id)
            };
            vec![
                Cell::new(Paint::Accent, id),
                Cell::new(status_paint(session.status), status_words(session)),
                Cell::new(Paint::Plain, session.agent.agent_type.as_str()),
                Cell::new(Paint::Plain, repository(session)),
                Cell::new(Paint::Dim, text::age(now.since(session.created_at))),
                Cell::new(
                    Paint::Plain,
                    session.changes.map(changes).unwrap_or_default(),
                ),
                Cell::new(Paint::Plain, text::one_line(&session.prompt)),
            ]
        })
        .collect();
    table(
        &[
            Column::kept("ID"),
            Column::kept("STATUS"),
            Column::dropped("AGENT", 1),
            Column::dropped("REPO", 3),
            Column::dropped("AGE", 4),
            Column::dropped("CHANGES", 2),
            Column::last("PROMPT"),
        ],
        rows,
        columns,
    )
}

/// Returns the paint of a status.
pub(super) const fn status_paint(status: SessionStatus) -> Paint {
    match status {
        SessionStatus::Completed => Paint::Good,
        SessionStatus::Failed => Paint::Bad,
        SessionStatus::Queued
        | SessionStatus::Stopped
        | SessionStatus::Cancelled
        | SessionStatus::Unknown => Paint::Dim,
        SessionStatus::Provisioning | SessionStatus::Running => Paint::Accent,
        SessionStatus::Pausing
        | SessionStatus::Paused
        | SessionStatus::Resuming
        | SessionStatus::Stopping => Paint::Warn,
    }
}

/// Returns the status, with the activity that a running session waits for.
pub(super) fn status_words(session: &Session) -> String {
    match session.activity {
        Some(Activity::Idle) => format!("{} (idle)", session.status),
        Some(Activity::AwaitingPermission) => format!("{} (permission)", session.status),
        Some(Activity::Interrupting) => format!("{} (interrupting)", session.status),
        _ => session.status.to_string(),
    }
}

/// Returns a short name of the repository.
fn repository(session: &Session) -> String {
    match session.repo.mode {
        RepoMode::Git => session
            .repo
            .url
            .as_deref()
            .and_then(|url| RepositorySource::parse(url).ok())
            .map_or_else(|| "?".to_owned(), |source| source.display_name()),
        _ => "–".to_owned(),
    }
}

/// Returns `+3 -1`, or an empty text without changes.
pub(super) fn changes(summary: ChangeSummary) -> String {
    if summary.files_changed == 0 {
        return "none".to_owned();
    }
    format!("+{} -{}", summary.lines_added, summary.lines_removed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{at, session};
    use crate::style::Colour;

    fn shown(columns: Option<usize>) -> String {
        let mut running = session("01JZBBBBBBBBBBBBBBBBBBBB22");
        running.status = SessionStatus::Running;
        running.activity = Some(Activity::AwaitingPermission);
        running.changes = None;
        running.prompt = "日本語の説明を書いてください、できるだけ詳しく".to_owned();
        let sessions = [running, session("01JZAAAAAAAAAAAAAAAAAAAAA1")];
        lines(&sessions, at(3_700_000), columns)
            .iter()
            .map(|line| line.render(columns, Colour::Plain) + "\n")
            .collect()
    }

    #[test]
    fn pipe_output_is_not_shortened() {
        insta::assert_snapshot!(shown(None));
    }

    #[test]
    fn in_80_columns_ids_are_shortened() {
        insta::assert_snapshot!(shown(Some(80)));
    }

    #[test]
    fn in_40_columns_only_the_main_columns_are_shown() {
        insta::assert_snapshot!(shown(Some(40)));
    }
}
