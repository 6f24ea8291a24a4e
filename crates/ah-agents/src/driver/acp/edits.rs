//! File changes of tool calls.

use std::path::{Component, Path, PathBuf};

use ah_rest_api_contract::{DiffEvent, DiffQuery, EventPayload, FileEdit};
use serde_json::{Map, Value};
use similar::{ChangeTag, TextDiff};

/// The size from which a text is large, in bytes and in lines. Only the ends of a large text are
/// reported.
const LARGE_BYTES: usize = 64 * 1024;
const LARGE_LINES: usize = 2000;

/// The number of lines reported from the start and the end of a large text.
const HEAD_LINES: usize = 200;
const TAIL_LINES: usize = 50;

/// The maximum size of a text for a line-by-line comparison, in bytes. In larger texts, lines are
/// compared by position.
const COMPARED_BYTES_MAX: usize = 1024 * 1024;

/// A change of a file: its whole text, or the changed part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileChange {
    /// An absolute path.
    path: PathBuf,
    /// The old text; `None` for a new file.
    old: Option<String>,
    new: String,
}

impl FileChange {
    /// Reads a `diff` of a tool call's content (ACP, Tool Calls, Diffs).
    pub(super) fn read(diff: &Value, workspace: &Path) -> Option<Self> {
        Some(Self {
            path: workspace.join(diff["path"].as_str()?),
            old: diff["oldText"].as_str().map(ToOwned::to_owned),
            new: diff["newText"].as_str()?.to_owned(),
        })
    }

    /// Reads a change that is reported outside of ACP: in `rawOutput` (OpenHands), or only as the
    /// input of a tool that writes a file (opencode for a new one, Kimi).
    pub(super) fn read_other(
        raw_output: &Value,
        input: &Map<String, Value>,
        workspace: &Path,
    ) -> Option<Self> {
        let observed = &raw_output["observation"];
        if let (Some(path), Some(new)) =
            (observed["path"].as_str(), observed["new_content"].as_str())
        {
            return Some(Self {
                path: workspace.join(path),
                old: observed["old_content"].as_str().map(ToOwned::to_owned),
                new: new.to_owned(),
            });
        }
        let path = ["path", "filePath", "file_path"]
            .iter()
            .find_map(|name| input.get(*name)?.as_str())?;
        // The old content is unknown, so the file is assumed to be new.
        let new = input.get("content")?.as_str()?;
        Some(Self {
            path: workspace.join(path),
            old: None,
            new: new.to_owned(),
        })
    }

    /// Adds the old text from `rawOutput` (Vibe), if unknown.
    pub(super) fn add_previous(&mut self, raw_output: &Value) {
        if self.old.is_none()
            && let Some(previous) = raw_output["previousContent"].as_str()
        {
            self.old = Some(previous.to_owned());
        }
    }

    pub(super) fn path_text(&self) -> String {
        self.path.to_string_lossy().into_owned()
    }

    /// Returns the change as two events: the line counts, and the texts.
    pub(super) fn events(&self, place: &EditContext<'_>, title: &str) -> [EventPayload; 2] {
        let old = self.old.as_deref().unwrap_or_default();
        let (lines_added, lines_removed) = count_lines(old, &self.new);
        let path = relative(&self.path, place.workspace);
        let edit = FileEdit::new(path, lines_added, lines_removed)
            .with_description(Some(title.to_owned()).filter(|title| !title.is_empty()));
        let mut diff = DiffEvent::new(
            place.tool_execution_id.to_owned(),
            self.path.to_string_lossy().into_owned(),
        );
        if is_large(old) || is_large(&self.new) {
            diff.old_text_head = Some(head(old));
            diff.new_text_head = Some(head(&self.new));
            diff.old_text_tail = Some(tail(old));
            diff.new_text_tail = Some(tail(&self.new));
            diff.truncated = Some(true);
            diff.full_diff_url = Some(DiffQuery::address_of_file(
                place.diff_url,
                &relative(&self.path, place.workspace),
            ));
        } else {
            diff.old_text = Some(old.to_owned());
            diff.new_text = Some(self.new.clone());
        }
        [EventPayload::FileEdit(edit), EventPayload::Diff(diff)]
    }
}

/// The context of a change.
pub(super) struct EditContext<'a> {
    pub(super) workspace: &'a Path,
    pub(super) tool_execution_id: &'a str,
    /// The URL of the session's diff.
    pub(super) diff_url: &'a str,
}

/// Returns `path` relative to `workspace`, if it is inside.
fn relative(path: &Path, workspace: &Path) -> String {
    let inside = path
        .strip_prefix(workspace)
        .ok()
        .filter(|inside| !inside.components().any(|it| it == Component::ParentDir));
    inside.unwrap_or(path).to_string_lossy().into_owned()
}

/// Counts added and removed lines as git does.
fn count_lines(old: &str, new: &str) -> (u64, u64) {
    if old.len().max(new.len()) > COMPARED_BYTES_MAX {
        return count_lines_in_place(old, new);
    }
    let (mut added, mut removed) = (0, 0);
    for change in TextDiff::from_lines(old, new).iter_all_changes() {
        match change.tag() {
            ChangeTag::Insert => added += 1,
            ChangeTag::Delete => removed += 1,
            ChangeTag::Equal => {}
        }
    }
    (added, removed)
}

/// Counts the lines between the common start and the common end.
fn count_lines_in_place(old: &str, new: &str) -> (u64, u64) {
    let old: Vec<&str> = old.split_inclusive('\n').collect();
    let new: Vec<&str> = new.split_inclusive('\n').collect();
    let same = |(a, b): &(&&str, &&str)| a == b;
    let start = old.iter().zip(&new).take_while(same).count();
    let (old, new) = (&old[start..], &new[start..]);
    let end = old
        .iter()
        .rev()
        .zip(new.iter().rev())
        .take_while(same)
        .count();
    // Lossless: a length in memory fits into 64 bits.
    ((new.len() - end) as u64, (old.len() - end) as u64)
}

fn is_large(text: &str) -> bool {
    text.len() > LARGE_BYTES || text.lines().nth(LARGE_LINES).is_some()
}

fn head(text: &str) -> String {
    let lines: usize = text
        .split_inclusive('\n')
        .take(HEAD_LINES)
        .map(str::len)
        .sum();
    text[..text.floor_char_boundary(lines.min(LARGE_BYTES))].to_owned()
}

fn tail(text: &str) -> String {
    let lines: usize = text
        .split_inclusive('\n')
        .rev()
        .take(TAIL_LINES)
        .map(str::len)
        .sum();
    let start = text.len() - lines.min(LARGE_BYTES);
    text[text.ceil_char_boundary(start)..].to_owned()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn edited(diff: &Value) -> (FileEdit, DiffEvent) {
        let workspace = Path::new("/w");
        let place = EditContext {
            workspace,
            tool_execution_id: "call",
            diff_url: "/diff",
        };
        match FileChange::read(diff, workspace)
            .unwrap()
            .events(&place, "why")
        {
            [EventPayload::FileEdit(edit), EventPayload::Diff(diff)] => (edit, diff),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn paths_are_relative_to_the_workspace() {
        for (path, called) in [
            ("/w/src/a.rs", "src/a.rs"),
            ("src/a.rs", "src/a.rs"),
            ("/elsewhere/a", "/elsewhere/a"),
            ("/w/../etc/passwd", "/w/../etc/passwd"),
        ] {
            let (edit, _) = edited(&json!({"path": path, "newText": "a\n"}));
            assert_eq!(edit.file_path, called);
            assert_eq!((edit.lines_added, edit.lines_removed), (1, 0));
        }
    }

    #[test]
    fn large_texts_keep_both_ends() {
        let lines = |mark: &str| {
            (0..3000)
                .map(|n| format!("{mark}{n}\n"))
                .collect::<String>()
        };
        let (edit, diff) = edited(&json!({
            "path": "a", "oldText": lines("old"), "newText": lines("new"),
        }));
        assert_eq!((edit.lines_added, edit.lines_removed), (3000, 3000));
        assert_eq!((diff.truncated, diff.old_text), (Some(true), None));
        assert_eq!(diff.new_text_head.unwrap().lines().count(), HEAD_LINES);
        assert_eq!(diff.new_text_tail.unwrap().lines().last(), Some("new2999"));
        assert_eq!(diff.full_diff_url.as_deref(), Some("/diff?files=a"));

        let wide = "ä".repeat(LARGE_BYTES);
        let (_, diff) = edited(&json!({"path": "a", "newText": wide}));
        let head = diff.new_text_head.unwrap();
        assert!(head.len() <= LARGE_BYTES && head.chars().all(|it| it == 'ä'));
    }

    proptest! {
        /// Both methods agree on the difference in length, and the comparison by lines never finds
        /// more changes than the one by position.
        #[test]
        fn line_counts_match_git(
            old in "([ab]\n){0,12}[ab]?",
            new in "([ab]\n){0,12}[ab]?",
        ) {
            let (added, removed) = count_lines(&old, &new);
            let (added_in_place, removed_in_place) = count_lines_in_place(&old, &new);
            prop_assert!(added <= added_in_place && removed <= removed_in_place);
            prop_assert_eq!(added + removed_in_place, added_in_place + removed);
            if old == new {
                prop_assert_eq!((added, removed), (0, 0));
            }
        }
    }
}
