//! Renders changed files and diffs as lines.

use ah_rest_api_contract::{FileEntry, FileStatus, SessionDiff};

use crate::style::{Line, Paint};
use crate::text;

/// Returns git's status letter for a changed file.
const fn letter(status: FileStatus) -> &'static str {
    match status {
        FileStatus::Added => "A",
        FileStatus::Modified => "M",
        FileStatus::Deleted => "D",
        FileStatus::Renamed => "R",
        _ => "?",
    }
}

/// One row of a list of changed files.
struct Row<'a> {
    path: &'a str,
    old_path: Option<&'a str>,
    status: FileStatus,
    added: u64,
    removed: u64,
    is_binary: bool,
    is_truncated: bool,
}

/// Returns a line of totals and a line for each changed file of a diff.
pub(crate) fn stat(diff: &SessionDiff) -> Vec<Line> {
    let rows = diff.files.iter().map(|file| Row {
        path: &file.path,
        old_path: file.old_path.as_deref(),
        status: file.status,
        added: file.lines_added,
        removed: file.lines_removed,
        is_binary: file.is_binary,
        is_truncated: file.is_truncated && file.lines_added + file.lines_removed == 0,
    });
    list(rows.collect())
}

/// Returns a line of totals and a line for each changed file.
pub(crate) fn files(files: &[FileEntry]) -> Vec<Line> {
    let rows = files.iter().map(|file| Row {
        path: &file.path,
        old_path: file.old_path.as_deref(),
        status: file.status,
        added: file.lines_added,
        removed: file.lines_removed,
        is_binary: file.is_binary,
        is_truncated: file.is_truncated && file.lines_added + file.lines_removed == 0,
    });
    list(rows.collect())
}

fn list(rows: Vec<Row<'_>>) -> Vec<Line> {
    if rows.is_empty() {
        return vec![Line::of(Paint::Dim, "nothing changed")];
    }
    let added: u64 = rows.iter().map(|row| row.added).sum();
    let removed: u64 = rows.iter().map(|row| row.removed).sum();
    let changed = text::counted(rows.len() as u64, "file");
    let mut lines = vec![
        Line::of(Paint::Plain, format!("{changed} changed "))
            .with(Paint::Good, format!("+{added}"))
            .with(Paint::Bad, format!(" -{removed}")),
    ];
    let digits = |number: u64| number.to_string().len() + 1;
    let added_columns = rows.iter().map(|row| digits(row.added)).max().unwrap_or(0);
    let removed_columns = rows
        .iter()
        .map(|row| digits(row.removed))
        .max()
        .unwrap_or(0);
    for row in rows {
        let counts = if row.is_binary || row.is_truncated {
            let word = if row.is_binary { "binary" } else { "large" };
            Line::of(
                Paint::Dim,
                text::fit(word, added_columns + 1 + removed_columns),
            )
        } else {
            Line::of(
                Paint::Good,
                format!("{:>added_columns$}", format!("+{}", row.added)),
            )
            .with(
                Paint::Bad,
                format!(" {:>removed_columns$}", format!("-{}", row.removed)),
            )
        };
        let mut line = Line::of(Paint::Accent, format!("  {} ", letter(row.status)))
            .join(counts)
            .with(Paint::Plain, format!("  {}", row.path));
        if let Some(old_path) = row.old_path {
            line = line.with(Paint::Dim, format!(" (was {old_path})"));
        }
        lines.push(line);
    }
    lines
}

/// Returns the lines of a diff in git's colours.
pub(crate) fn diff_lines(diff: &SessionDiff) -> impl Iterator<Item = Line> + '_ {
    diff.files.iter().flat_map(|file| {
        let mut in_hunk = false;
        file.diff.lines().map(move |line| {
            in_hunk = in_hunk || line.starts_with("@@");
            Line::of(paint_of(line, in_hunk), line)
        })
    })
}

fn paint_of(line: &str, in_hunk: bool) -> Paint {
    match line.as_bytes().first() {
        Some(b'@') => Paint::Accent,
        Some(b'+') if in_hunk => Paint::Good,
        Some(b'-') if in_hunk => Paint::Bad,
        _ if !in_hunk => Paint::Bold,
        _ => Paint::Plain,
    }
}

/// Returns the diff as a patch that `git apply` accepts.
pub(crate) fn patch(diff: &SessionDiff) -> String {
    diff.files.iter().map(|file| file.diff.as_str()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::diff;
    use crate::style::Colour;

    #[test]
    fn files_are_aligned() {
        let lines: Vec<String> = stat(&diff())
            .iter()
            .map(|line| line.render(Some(60), Colour::Plain))
            .collect();
        assert_eq!(
            lines,
            [
                "2 files changed +3 -1",
                "  A +2 -0  src/greeting.rs",
                "  M +1 -1  src/main.rs",
            ]
        );
        assert_eq!(
            stat(&SessionDiff::default()),
            [Line::of(Paint::Dim, "nothing changed")]
        );
    }

    #[test]
    fn headers_are_not_counted_as_changed_lines() {
        let diff = diff();
        let painted: Vec<Line> = diff_lines(&diff).collect();
        assert!(painted.contains(&Line::of(Paint::Bold, "--- a/src/main.rs")));
        assert!(painted.contains(&Line::of(Paint::Bad, "-    old();")));
        assert!(painted.contains(&Line::of(Paint::Good, "+    greet();")));
    }
}
