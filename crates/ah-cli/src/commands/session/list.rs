//! `ah session list`.

use ah_rest_api_contract::{
    Activity, AgentType, ChangeSummary, PER_PAGE_MAX, Page, PageRequest, RepoMode,
    RepositorySource, Session, SessionQuery, SessionStatus, SessionView, TaskManager, Timestamp,
};

use crate::args::ListArgs;
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::table::{Cell, Column, table};
use crate::text;

/// The maximum number of sessions in a list, which is held in memory.
const SESSIONS_MAX: usize = 100_000;
/// The terminal width from which ids are shown in full.
const COLUMNS_FOR_WHOLE_IDS: usize = 110;

/// Lists sessions.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: ListArgs,
    context: &Context,
) -> Result<(), Failure> {
    let is_filtered = !args.status.is_empty()
        || args.agent.is_some()
        || !args.labels.is_empty()
        || args.repo.is_some()
        || args.since.is_some()
        || args.until.is_some();
    let now = clock::now();
    let filter = ListFilter {
        repo: args.repo,
        since: args.since.map(|moment| moment.at(now)),
        until: args.until.map(|moment| moment.at(now)),
    };
    let query = SessionQuery {
        statuses: args.status,
        agent: args.agent.map(AgentType::new),
        labels: args.labels.into_iter().collect(),
        include_archived: args.all,
        view: if context.json {
            SessionView::Full
        } else {
            SessionView::Summary
        },
        ..SessionQuery::default()
    };
    let limit = if args.limit == 0 {
        SESSIONS_MAX
    } else {
        args.limit.min(SESSIONS_MAX)
    };
    let sessions = read(manager, query, &filter, limit).await?;
    if sessions.items.is_empty() && !context.json {
        context.terminal.hint(if is_filtered {
            "no session matches"
        } else {
            "no sessions; start one with `ah task \"…\"`"
        });
        return Ok(());
    }
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

/// The filters that the task manager does not have.
#[derive(Clone, Debug, Default)]
struct ListFilter {
    repo: Option<String>,
    since: Option<Timestamp>,
    until: Option<Timestamp>,
}

impl ListFilter {
    fn is_empty(&self) -> bool {
        self.repo.is_none() && self.since.is_none() && self.until.is_none()
    }

    /// Returns true if the session, and with it every older one, is too old.
    fn ends_at(&self, session: &Session) -> bool {
        self.since.is_some_and(|since| session.created_at < since)
    }

    fn accepts(&self, session: &Session) -> bool {
        let in_time = self.until.is_none_or(|until| session.created_at < until);
        let in_repo = self.repo.as_deref().is_none_or(|part| {
            let url = session.repo.url.as_deref().unwrap_or_default();
            url.contains(part) || repository(session) == part
        });
        in_time && in_repo
    }
}

/// Reads the newest sessions that the query and the filter accept, at most `limit`. Without a filter,
/// the total is that of the query.
async fn read(
    manager: &dyn TaskManager,
    query: SessionQuery,
    filter: &ListFilter,
    limit: usize,
) -> Result<Page<Session>, Failure> {
    let mut items = Vec::new();
    // A page has no more than what is wanted, unless it is filtered.
    let size = if filter.is_empty() {
        u32::try_from(limit)
            .unwrap_or(PER_PAGE_MAX)
            .min(PER_PAGE_MAX)
    } else {
        PER_PAGE_MAX
    };
    let mut total = 0;
    let mut next = Some(1);
    while let Some(page) = next.take() {
        let query = SessionQuery {
            page: PageRequest::new(page, size)?,
            ..query.clone()
        };
        let read = manager.list_sessions(query).await?;
        total = read.total;
        next = read.next_page;
        for session in read.items {
            if filter.ends_at(&session) || items.len() >= limit {
                next = None;
                break;
            }
            if filter.accepts(&session) {
                items.push(session);
            }
        }
        if items.len() >= limit {
            next = None;
        }
    }
    if !filter.is_empty() {
        total = items.len() as u64;
    }
    Ok(Page {
        items,
        total,
        next_page: None,
    })
}

fn lines(sessions: &[Session], now: Timestamp, columns: Option<usize>) -> Vec<Line> {
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
        Some(Activity::Storing) => format!("{} (storing changes)", session.status),
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

    #[tokio::test]
    async fn list_reads_all_pages_and_filters_by_time_and_repository() {
        let mut sessions = Vec::new();
        for number in 0..450_i64 {
            let mut one = session(&format!("01JZ{number:022}"));
            one.created_at = at(-number * 1000);
            if number % 2 == 1 {
                one.repo.url = Some("/home/me/other".to_owned());
            }
            sessions.push(one);
        }
        let manager = crate::fake::manager_of(sessions);
        let count = async |filter: ListFilter, limit: usize| {
            let read = read(&manager, SessionQuery::default(), &filter, limit).await;
            read.expect("the mock answers").items.len()
        };
        assert_eq!(count(ListFilter::default(), SESSIONS_MAX).await, 450);
        assert_eq!(count(ListFilter::default(), 201).await, 201);
        let of = |repo: &str| ListFilter {
            repo: Some(repo.to_owned()),
            ..ListFilter::default()
        };
        assert_eq!(count(of("other"), SESSIONS_MAX).await, 225);
        assert_eq!(count(of("/home/me/project"), 7).await, 7);
        let newest = ListFilter {
            since: Some(at(-99_000)),
            until: Some(at(-49_000)),
            ..ListFilter::default()
        };
        assert_eq!(count(newest, SESSIONS_MAX).await, 50);
    }

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
