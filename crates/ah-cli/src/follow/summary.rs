//! The summary of a session: its end, its changes, and how to apply them.

use ah_rest_api_contract::{
    FileDiff, FileStatus, RepoMode, Session, SessionDiff, SessionStatus, Usage,
};

use crate::changes;
use crate::exit_code::ExitCode;
use crate::style::{Line, Paint};
use crate::text;

/// The maximum number of diff lines in the summary.
const DIFF_LINES_MAX: usize = 120;

/// Returns the summary lines of a followed session.
pub(crate) fn lines(session: &Session, diff: Option<&SessionDiff>) -> Vec<Line> {
    let mut lines = vec![Line::new(), ending(session)];
    if let Some(diff) = diff {
        lines.extend(changes::stat(diff));
        lines.push(Line::new());
        lines.extend(head_of_diff(diff));
    }
    if let Some(words) = session.usage.as_ref().and_then(Usage::summary) {
        lines.push(Line::of(Paint::Dim, format!("usage: {words}")));
    }
    lines
}

/// Describes the end: `✓ completed in 12s`, `✗ failed after 3.1s: reason (exit code 3)`.
fn ending(session: &Session) -> Line {
    let (sign, paint, preposition) = match session.status {
        SessionStatus::Completed => ("✓", Paint::Good, "in"),
        SessionStatus::Failed => ("✗", Paint::Bad, "after"),
        _ => ("■", Paint::Warn, "after"),
    };
    let mut line = Line::of(paint, format!("{sign} {}", session.status));
    if let (Some(started), Some(ended)) = (session.started_at, session.ended_at) {
        let took = text::duration(ended.since(started));
        line = line.with(Paint::Dim, format!(" {preposition} {took}"));
    }
    if let Some(reason) = &session.reason {
        line = line.with(Paint::Plain, format!(": {}", text::one_line(reason)));
    }
    // The exit code is omitted if the reason contains it.
    let names_code = |code: i32| {
        let reason = session.reason.as_deref().unwrap_or_default();
        reason.contains(&format!("code {code}"))
    };
    match session.exit_code {
        Some(code) if code != 0 && !names_code(code) => {
            line.with(Paint::Dim, format!(" (exit code {code})"))
        }
        _ => line,
    }
}

fn head_of_diff(diff: &SessionDiff) -> Vec<Line> {
    let mut lines: Vec<Line> = changes::diff_lines(diff).take(DIFF_LINES_MAX + 1).collect();
    if lines.len() > DIFF_LINES_MAX {
        lines.truncate(DIFF_LINES_MAX);
        lines.push(Line::of(Paint::Dim, "… truncated; see below"));
    }
    if !lines.is_empty() {
        lines.push(Line::new());
    }
    lines
}

/// Returns the hints about possible next steps.
pub(crate) fn hints(session: &Session, diff: Option<&SessionDiff>, short: &str) -> Vec<String> {
    let mut hints = Vec::new();
    let Some(diff) = diff.filter(|diff| !diff.files.is_empty()) else {
        return hints;
    };
    let line_count = changes::diff_lines(diff).take(DIFF_LINES_MAX + 1).count();
    if line_count > DIFF_LINES_MAX {
        hints.push(format!("`ah session diff {short}` shows the complete diff"));
    }
    if session.status != SessionStatus::Cancelled {
        hints.push(format!(
            "apply the changes with: ah session diff {short} | git apply"
        ));
        if session.repo.mode == RepoMode::Git {
            hints.push(format!("or as a branch with: ah session checkout {short}"));
        }
    }
    let is_left_out = |file: &FileDiff| file.is_binary || file.is_truncated;
    let mut left_out = diff.files.iter().filter(|file| is_left_out(file));
    if left_out.any(|file| file.status != FileStatus::Deleted)
        && let Some(workspace) = &session.workspace
    {
        hints.push(format!(
            "binary and very large files are not in the diff; see {}",
            workspace.path.display()
        ));
    }
    hints
}

/// Returns the exit code for the end of a session.
pub(crate) fn exit_code(session: &Session) -> ExitCode {
    match session.status {
        SessionStatus::Completed => ExitCode::Ok,
        SessionStatus::Stopped => ExitCode::Stopped,
        SessionStatus::Cancelled => ExitCode::Cancelled,
        // A session that failed before it had a workspace has a repository problem. One with a
        // workspace that never ran has a launch problem.
        SessionStatus::Failed if session.started_at.is_none() => {
            if session.workspace.is_none() && session.repo.mode == RepoMode::Git {
                ExitCode::Repository
            } else {
                ExitCode::AgentLaunch
            }
        }
        _ => ExitCode::General,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{diff, session};
    use crate::style::Colour;

    const ID: &str = "01JZAAAAAAAAAAAAAAAAAAAAA1";

    fn shown(session: &Session, diff: Option<&SessionDiff>, columns: usize) -> String {
        lines(session, diff)
            .iter()
            .map(|line| line.render(Some(columns), Colour::Plain) + "\n")
            .collect()
    }

    #[test]
    fn a_completed_session_ends_with_its_changes() {
        insta::assert_snapshot!(shown(&session(ID), Some(&diff()), 80));
    }

    #[test]
    fn failed_session_shows_its_reason() {
        let mut session = session(ID);
        session.status = SessionStatus::Failed;
        session.reason = Some("the agent ended in the middle of a turn".to_owned());
        session.exit_code = Some(3);
        session.usage = None;
        assert_eq!(
            shown(&session, None, 120),
            "\n✗ failed after 11s: the agent ended in the middle of a turn (exit code 3)\n"
        );
        session.reason = Some("the agent exited with code 3".to_owned());
        assert_eq!(
            shown(&session, None, 120),
            "\n✗ failed after 11s: the agent exited with code 3\n"
        );
    }

    #[test]
    fn binary_files_are_listed() {
        let mut changed = diff();
        changed.files[0].is_binary = true;
        let hints = hints(&session(ID), Some(&changed), "AAA1");
        assert_eq!(
            hints.last().map(String::as_str),
            Some("binary and very large files are not in the diff; see /state/workspaces/one")
        );
    }

    #[test]
    fn long_diff_is_truncated_with_a_hint() {
        let mut long = diff();
        long.files[0]
            .diff
            .push_str(&"+line\n".repeat(DIFF_LINES_MAX));
        let lines = lines(&session(ID), Some(&long));
        assert!(lines.len() < DIFF_LINES_MAX + 12, "{} lines", lines.len());
        let hints = hints(&session(ID), Some(&long), "AAA1");
        assert_eq!(hints[0], "`ah session diff AAA1` shows the complete diff");
        assert_eq!(
            hints[1],
            "apply the changes with: ah session diff AAA1 | git apply"
        );
    }

    #[test]
    fn exit_code_distinguishes_failures() {
        let mut session = session(ID);
        assert_eq!(exit_code(&session), ExitCode::Ok);
        session.status = SessionStatus::Failed;
        assert_eq!(exit_code(&session), ExitCode::General);
        session.started_at = None;
        assert_eq!(exit_code(&session), ExitCode::AgentLaunch);
        session.workspace = None;
        assert_eq!(exit_code(&session), ExitCode::Repository);
        session.status = SessionStatus::Stopped;
        assert_eq!(exit_code(&session), ExitCode::Stopped);
        session.status = SessionStatus::Cancelled;
        assert_eq!(exit_code(&session), ExitCode::Cancelled);
    }
}
