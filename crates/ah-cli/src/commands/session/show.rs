//! `ah session get`, `prompts` and `permissions`.

use ah_rest_api_contract::{
    Page, Permission, PermissionOutcome, PermissionState, Prompt, PromptState, RepoMode, Session,
    TaskManager, Timestamp, Usage,
};

use super::card::{LABEL_COLUMNS, plain, row};
use super::debug;
use super::list::{changes, status_paint, status_words};
use super::target::target;
use crate::args::{GetArgs, PromptsArgs, TargetArgs};
use crate::clock;
use crate::context::Context;
use crate::failure::Failure;
use crate::follow::{option_lines, request_lines};
use crate::session_ref::short;
use crate::style::{Line, Paint};
use crate::text;

/// The maximum number of prompt lines on a card.
const PROMPT_LINES_MAX: usize = 10;

/// Prints a card of the session.
pub(super) async fn get(
    manager: &dyn TaskManager,
    args: &GetArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    if args.debug {
        let info = manager.get_session_info(session.id).await?;
        return context.show(&info, || debug::rows(&info, clock::now()));
    }
    context.show(&session, || {
        card(&session, clock::now(), context.terminal.columns())
    })
}

/// Lists the prompts, or withdraws one.
pub(super) async fn prompts(
    manager: &dyn TaskManager,
    args: &PromptsArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, &args.target).await?;
    if let Some(prompt) = args.withdraw {
        let withdrawn = manager.withdraw_prompt(session.id, prompt).await;
        withdrawn.map_err(|error| {
            let id = short(session.id);
            Failure::from(error)
                .hint_instead(format!("`ah session prompts {id}` lists its prompts"))
        })?;
    }
    let prompts = Page::all(|page| manager.list_prompts(session.id, page)).await?;
    if prompts.items.is_empty() && !context.json {
        context.terminal.hint("no prompts since the launch");
        return Ok(());
    }
    context.show(&prompts, || prompts.items.iter().map(prompt_line).collect())
}

/// Lists the permission requests.
pub(super) async fn permissions(
    manager: &dyn TaskManager,
    args: &TargetArgs,
    context: &Context,
) -> Result<(), Failure> {
    let session = target(manager, args).await?;
    let permissions = Page::all(|page| manager.list_permissions(session.id, page)).await?;
    if permissions.items.is_empty() && !context.json {
        context.terminal.hint("no permission requests");
        return Ok(());
    }
    let now = clock::now();
    let columns = context.terminal.columns();
    context.show(&permissions, || {
        let requests = permissions.items.iter();
        requests
            .flat_map(|permission| permission_lines(permission, now, columns))
            .collect()
    })
}

fn card(session: &Session, now: Timestamp, columns: Option<usize>) -> Vec<Line> {
    let mut status = Line::of(status_paint(session.status), status_words(session));
    if let Some(code) = session.exit_code.filter(|code| *code != 0) {
        status = status.with(Paint::Plain, format!(", exit code {code}"));
    }
    let mut lines = vec![
        row("session", Line::of(Paint::Accent, session.id.to_string())),
        row("status", status),
    ];
    if let Some(reason) = &session.reason {
        lines.push(plain("reason", text::one_line(reason)));
    }
    lines.extend(prompt_rows(&session.prompt, columns));
    lines.push(plain("agent", agent_words(session)));
    lines.push(plain("repository", repository_words(session)));
    if let Some(workspace) = &session.workspace {
        lines.push(plain("workspace", workspace.path.display().to_string()));
        lines.push(plain("provider", workspace.provider.to_string()));
        for other in &workspace.passed_over {
            let (name, reason) = (
                text::one_line(&other.provider),
                text::one_line(&other.reason),
            );
            lines.push(plain("", format!("not {name}: {reason}")));
        }
        if let Some(branch) = &workspace.branch {
            lines.push(plain("branch", branch));
        }
    }
    lines.extend(time_rows(session, now));
    if let Some(summary) = session.changes {
        let words = match summary.files_changed {
            0 => changes(summary),
            files => format!("{}, {}", text::counted(files, "file"), changes(summary)),
        };
        lines.push(plain("changes", words));
    }
    if let Some(words) = session.usage.as_ref().and_then(Usage::summary) {
        lines.push(plain("used", words));
    }
    for (index, (key, value)) in session.labels.iter().enumerate() {
        let label = if index == 0 { "labels" } else { "" };
        lines.push(plain(label, format!("{key}={value}")));
    }
    lines.push(plain("task", session.task_id.to_string()));
    lines.push(plain("events", text::count(session.last_seq.get())));
    lines
}

fn prompt_rows(prompt: &str, columns: Option<usize>) -> Vec<Line> {
    let width = columns.map(|columns| columns.saturating_sub(LABEL_COLUMNS));
    let wrapped = text::wrap(prompt, width);
    let left_out = wrapped.len().saturating_sub(PROMPT_LINES_MAX);
    let mut lines: Vec<Line> = wrapped
        .into_iter()
        .take(PROMPT_LINES_MAX)
        .enumerate()
        .map(|(index, part)| plain(if index == 0 { "prompt" } else { "" }, part))
        .collect();
    if left_out > 0 {
        let words = text::counted(left_out as u64, "more line");
        lines.push(row("", Line::of(Paint::Dim, format!("… {words}"))));
    }
    lines
}

fn agent_words(session: &Session) -> String {
    let agent = &session.agent;
    let mut words = agent.agent_type.to_string();
    if let Some(version) = &agent.version {
        words.push_str(&format!(" {version}"));
    }
    if let Some(model) = &agent.model {
        words.push_str(&format!(", model {model}"));
    }
    if session.interactive {
        words.push_str(", interactive");
    }
    words
}

fn repository_words(session: &Session) -> String {
    let repo = &session.repo;
    if repo.mode != RepoMode::Git {
        return "none (empty folder)".to_owned();
    }
    let mut words = repo.url.clone().unwrap_or_default();
    if let Some(branch) = &repo.branch {
        words.push_str(&format!(", branch {branch}"));
    }
    if let Some(commit) = &repo.commit {
        let abbreviated: String = commit.chars().take(12).collect();
        words.push_str(&format!(", at {abbreviated}"));
    }
    words
}

fn time_rows(session: &Session, now: Timestamp) -> Vec<Line> {
    let ago = |moment: Timestamp| format!("{moment} ({} ago)", text::age(now.since(moment)));
    let mut lines = vec![plain("launched", ago(session.created_at))];
    if let Some(started) = session.started_at {
        lines.push(plain("started", ago(started)));
    }
    if let Some(ended) = session.ended_at {
        let took = session
            .started_at
            .map(|started| format!(", ran for {}", text::duration(ended.since(started))));
        lines.push(plain("ended", ago(ended) + &took.unwrap_or_default()));
    }
    lines
}

fn prompt_line(prompt: &Prompt) -> Line {
    let (word, paint) = match prompt.state {
        PromptState::Queued => ("queued", Paint::Warn),
        PromptState::Sent => ("sent", Paint::Warn),
        PromptState::Delivered => ("delivered", Paint::Good),
        PromptState::Withdrawn => ("withdrawn", Paint::Dim),
        PromptState::Undelivered => ("undelivered", Paint::Bad),
        PromptState::Unknown => ("unknown", Paint::Dim),
    };
    Line::of(Paint::Accent, prompt.id.to_string())
        .with(paint, format!("  {}", text::fit(word, 11)))
        .with(
            Paint::Plain,
            format!("  {}", text::one_line(&prompt.content.text())),
        )
}

/// Returns the lines of a permission request: its state, all of its text, and its options.
fn permission_lines(permission: &Permission, now: Timestamp, columns: Option<usize>) -> Vec<Line> {
    let request = &permission.request;
    let state = match (permission.state, &permission.resolution) {
        (PermissionState::Pending, _) => {
            let left = text::duration(request.expires_at.since(now));
            Line::of(Paint::Warn, format!("pending, {left} left"))
        }
        (_, Some(resolution)) => {
            let option = resolution.option_id.as_deref().unwrap_or("no option");
            let word = match resolution.outcome {
                PermissionOutcome::Selected => "answered",
                PermissionOutcome::Cancelled => "withdrawn",
                PermissionOutcome::Expired => "expired",
                other => other.as_str(),
            };
            Line::of(
                Paint::Plain,
                format!("{word}: {option}, by {}", resolution.by),
            )
        }
        (_, None) => Line::of(Paint::Plain, "answered"),
    };
    let mut lines = vec![
        Line::of(Paint::Accent, request.request_id.to_string())
            .with(Paint::Plain, "  ")
            .join(state),
    ];
    lines.extend(request_lines(request, columns));
    if permission.state == PermissionState::Pending {
        lines.extend(option_lines(&request.options));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{at, session};
    use crate::style::Colour;

    #[test]
    fn details_show_every_known_field() {
        let session = session("01JZAAAAAAAAAAAAAAAAAAAAA1");
        let lines: String = card(&session, at(120_000), Some(80))
            .iter()
            .map(|line| line.render(Some(80), Colour::Plain) + "\n")
            .collect();
        insta::assert_snapshot!(lines);
    }
}
