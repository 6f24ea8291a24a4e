//! Text edits and their line counts, as git counts them.

use std::path::Path;

use ah_rest_api_contract::FileEdit;
use similar::{ChangeTag, TextDiff};

/// The numbers of lines that an edit added and removed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct LineCounts {
    pub(super) added: u64,
    pub(super) removed: u64,
}

/// Counts the lines of the shortest diff between two texts.
pub(super) fn count_lines(before: &str, after: &str) -> LineCounts {
    let mut counts = LineCounts::default();
    for change in TextDiff::from_lines(before, after).iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => counts.added += 1,
            ChangeTag::Delete => counts.removed += 1,
            ChangeTag::Equal => {}
        }
    }
    counts
}

/// Returns the event of a change of the file at `path`.
pub(super) fn file_edit(path: &str, before: &str, after: &str) -> FileEdit {
    let counts = count_lines(before, after);
    FileEdit::new(
        path.strip_prefix("./").unwrap_or(path).to_owned(),
        counts.added,
        counts.removed,
    )
}

/// Replaces `wanted.removed` lines of a text by `wanted.added` new ones. Returns the text and the
/// actual counts: no more lines are removed than there are.
///
/// A last line without a line break is kept where possible, since git counts a line that gains one
/// as removed and added. The new lines do not occur in the text, so no diff can match them.
pub(super) fn edited(path: &Path, text: &str, wanted: LineCounts) -> (String, LineCounts) {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let removed = lines
        .len()
        .min(usize::try_from(wanted.removed).unwrap_or(usize::MAX));
    let ends_bare = lines.last().is_some_and(|line| !line.ends_with('\n'));
    let untouched_end = usize::from(ends_bare && removed < lines.len());
    let start = lines.len() - removed - untouched_end;
    let line_break = if lines.first().is_some_and(|line| line.ends_with("\r\n")) {
        "\r\n"
    } else {
        "\n"
    };
    let added = if lines.is_empty() {
        first_lines(path, wanted.added)
    } else {
        other_lines(path, text, wanted.added)
    };
    let mut result = lines[..start].concat();
    for line in &added {
        result.push_str(line);
        result.push_str(line_break);
    }
    result.push_str(&lines[start + removed..].concat());
    let counts = LineCounts {
        added: wanted.added,
        removed: removed as u64,
    };
    (result, counts)
}

/// Returns the lines of a new file.
fn first_lines(path: &Path, count: u64) -> Vec<String> {
    let is_json = path
        .extension()
        .is_some_and(|extension| extension == "json");
    if is_json && count >= 2 {
        let fields = count - 2;
        let mut lines = vec!["{".to_owned()];
        lines.extend((1..=fields).map(|number| {
            let comma = if number < fields { "," } else { "" };
            format!("  \"line{number}\": {number}{comma}")
        }));
        lines.push("}".to_owned());
        return lines;
    }
    other_lines(path, "", count)
}

/// Returns lines that do not occur in the text: comments in the syntax of the file.
fn other_lines(path: &Path, text: &str, count: u64) -> Vec<String> {
    let (before, after) = remark_signs(path);
    // Takes at most one iteration for each earlier edit of the file: an unused number ends the
    // search, and each edit uses one.
    let round = (1u64..)
        .find(|round| !text.contains(&round_mark(*round)))
        .unwrap_or(u64::MAX);
    (1..=count)
        .map(|number| {
            format!(
                "{before}Line {number} of {count}{}{after}",
                round_mark(round)
            )
        })
        .collect()
}

fn round_mark(round: u64) -> String {
    format!(" of the scenario's edit {round}.")
}

/// Returns the start and the end of a comment in a file of this type.
fn remark_signs(path: &Path) -> (&'static str, &'static str) {
    match path
        .extension()
        .and_then(|extension| extension.to_str())
        .unwrap_or_default()
    {
        "md" | "markdown" => ("- ", ""),
        "rs" | "js" | "jsx" | "ts" | "tsx" | "go" | "java" | "c" | "h" | "cc" | "cpp" | "hpp"
        | "cs" | "swift" | "kt" | "scala" | "php" | "scss" | "proto" => ("// ", ""),
        "py" | "sh" | "bash" | "rb" | "pl" | "yaml" | "yml" | "toml" | "nix" | "r" => ("# ", ""),
        "sql" | "lua" | "hs" => ("-- ", ""),
        "html" | "xml" | "svg" => ("<!-- ", " -->"),
        "css" => ("/* ", " */"),
        _ => ("", ""),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wanted(added: u64, removed: u64) -> LineCounts {
        LineCounts { added, removed }
    }

    #[test]
    fn new_file_has_text_of_its_type() {
        let (text, counts) = edited(Path::new("a.rs"), "", wanted(2, 5));
        assert_eq!(counts, wanted(2, 0), "nothing can be removed from nothing");
        assert_eq!(
            text,
            "// Line 1 of 2 of the scenario's edit 1.\n// Line 2 of 2 of the scenario's edit 1.\n"
        );
        let (json, _) = edited(Path::new("a.json"), "", wanted(4, 0));
        assert_eq!(
            serde_json::from_str::<serde_json::Value>(&json).unwrap(),
            serde_json::json!({"line1": 1, "line2": 2})
        );
    }

    #[test]
    fn line_endings_are_preserved() {
        let (text, _) = edited(Path::new("a"), "one\r\ntwo\r\n", wanted(1, 1));
        assert_eq!(text, "one\r\nLine 1 of 1 of the scenario's edit 1.\r\n");
        let (text, _) = edited(Path::new("a"), "one\ntwo", wanted(1, 0));
        assert_eq!(text, "one\nLine 1 of 1 of the scenario's edit 1.\ntwo");
    }

    proptest! {
        #[test]
        fn edit_has_the_requested_line_counts(
            lines in prop::collection::vec("[a-c]{0,2}", 0..12),
            bare in any::<bool>(),
            added in 0u64..6,
            removed in 0u64..15,
        ) {
            let mut text: String = lines.iter().map(|line| format!("{line}\n")).collect();
            if bare {
                text.pop();
            }
            let there = text.split_inclusive('\n').count() as u64;
            let (after, counts) = edited(Path::new("a.md"), &text, wanted(added, removed));
            prop_assert_eq!(counts, wanted(added, removed.min(there)));
            prop_assert_eq!(count_lines(&text, &after), counts);
        }
    }
}
