//! The diff of a session, by file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use ah_rest_api_contract::{DiffQuery, FileDiff, Hunk, SessionDiff};

use crate::changes::ChangedFile;
use crate::record::Workspace;
use crate::snapshot::Look;
use crate::{WorkspaceError, Workspaces};

const OPERATION: &str = "print the diff";
/// A number of context lines that covers any file.
const WHOLE_FILE: u32 = i32::MAX.unsigned_abs();
/// The maximum number of paths passed to git. For more paths, git prints the whole diff.
const NAMED_MAX: usize = 64;

impl Workspaces {
    /// Returns the diff of the session's changes, from its folder, or from its `end` snapshot if
    /// the folder is gone. Files of the query that are unchanged or missing have no entry. A
    /// renamed file is found by either of its paths.
    ///
    /// # Errors
    /// The folder is gone and has no snapshot, git cannot read it, or the diff exceeds 64 MiB.
    pub async fn diff(
        &self,
        workspace: &Workspace,
        query: &DiffQuery,
    ) -> Result<SessionDiff, WorkspaceError> {
        let look = self.look(workspace).await?;
        let all = self.list_changes(workspace, &look).await?;
        let everything = all.len();
        let wanted: Vec<ChangedFile> = all.into_iter().filter(|c| is_wanted(c, query)).collect();
        if wanted.is_empty() {
            return Ok(SessionDiff::default());
        }
        let patches = self
            .patches(workspace, &look, query, &wanted, everything)
            .await?;
        let files = wanted.iter().zip(patches);
        let files = files.map(|(change, patch)| file_diff(change, patch.as_deref(), query));
        Ok(SessionDiff::of(files.collect()))
    }

    /// Returns the patches of these changes, in their order. A patch that is not UTF-8 is `None`,
    /// because replaced bytes would make it inapplicable.
    async fn patches(
        &self,
        workspace: &Workspace,
        look: &Look,
        query: &DiffQuery,
        wanted: &[ChangedFile],
        everything: usize,
    ) -> Result<Vec<Option<String>>, WorkspaceError> {
        if wanted.len() < everything && wanted.len() <= NAMED_MAX {
            let printed = self.print(workspace, look, query, wanted).await?;
            // Rename detection is a heuristic over all paths that git sees. With fewer paths the
            // result may differ, and the number of parts does not match. Then git prints the whole
            // diff.
            if let Some(patches) = by_change(&printed, wanted) {
                return Ok(patches);
            }
        }
        let all = self.list_changes(workspace, look).await?;
        let printed = self.print(workspace, look, query, &[]).await?;
        let patches = by_change(&printed, &all).ok_or_else(|| WorkspaceError::GitFormat {
            operation: OPERATION,
            problem: "the number of parts differs from the number of changed files".to_owned(),
        })?;
        let kept = all.iter().zip(patches).filter(|(c, _)| wanted.contains(c));
        Ok(kept.map(|(_, patch)| patch).collect())
    }

    async fn print(
        &self,
        workspace: &Workspace,
        look: &Look,
        query: &DiffQuery,
        named: &[ChangedFile],
    ) -> Result<Vec<u8>, WorkspaceError> {
        let context = if query.full_file() {
            WHOLE_FILE
        } else {
            query.context_lines()
        };
        let context = format!("-U{context}");
        let fixed = [
            "diff-tree",
            "-r",
            "-M",
            "-p",
            "--no-color",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=none",
            "--submodule=short",
            &context,
            &workspace.base_commit,
            &look.tree,
            "--",
        ];
        let paths = named
            .iter()
            .flat_map(|c| c.old_path.iter().chain([&c.path]));
        let paths = paths.map(|path| OsString::from_vec(path.clone()));
        let args = fixed.iter().map(OsString::from).chain(paths);
        let call = self.git.own_call(OPERATION, args);
        look.read_by(call).run().await
    }
}

fn is_wanted(change: &ChangedFile, query: &DiffQuery) -> bool {
    let (path, old_path) = (change.shown_path(), change.shown_old_path());
    query.files().is_empty()
        || query
            .files()
            .iter()
            .any(|file| *file == path || Some(file) == old_path.as_ref())
}

fn file_diff(change: &ChangedFile, patch: Option<&str>, query: &DiffQuery) -> FileDiff {
    // Text that JSON cannot represent is shown like a binary file: by name and counts.
    let patch = patch.filter(|_| change.lines.is_some());
    let (lines_added, lines_removed) = change.lines.unwrap_or_default();
    FileDiff::new(
        change.shown_path(),
        change.status,
        patch.unwrap_or_default().to_owned(),
    )
    .with_old_path(change.shown_old_path())
    .with_lines_added(lines_added)
    .with_lines_removed(lines_removed)
    .with_context_lines(query.context_lines())
    .with_full_file(query.full_file())
    .with_is_binary(patch.is_none())
    .with_hunks(patch.map(hunks).unwrap_or_default())
}

/// Splits a diff into the patches of these changes. `None` if the number of parts does not match.
fn by_change(printed: &[u8], changes: &[ChangedFile]) -> Option<Vec<Option<String>>> {
    let mut parts: Vec<Vec<u8>> = Vec::new();
    // Content lines have a prefix, and git quotes names with line breaks, so a line that starts
    // with `diff --git` starts a part.
    for line in printed.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b"diff --git ") {
            parts.push(line.to_vec());
        } else {
            parts.last_mut()?.extend_from_slice(line);
        }
    }
    let mut parts = parts.into_iter();
    let mut patches = Vec::with_capacity(changes.len());
    for change in changes {
        let mut patch = parts.next()?;
        if change.changed_kind {
            patch.extend(parts.next()?);
        }
        patches.push(String::from_utf8(patch).ok());
    }
    parts.next().is_none().then_some(patches)
}

/// Returns the hunks of a file's diff.
fn hunks(patch: &str) -> Vec<Hunk> {
    let mut hunks: Vec<Hunk> = Vec::new();
    let mut in_content = false;
    for line in patch.split_inclusive('\n') {
        if let Some(hunk) = hunk_header(line) {
            hunks.push(hunk);
            in_content = true;
        } else if line.starts_with("diff --git ") {
            in_content = false;
        } else if in_content && let Some(hunk) = hunks.last_mut() {
            hunk.content.push_str(line);
        }
    }
    hunks
}

/// Parses `@@ -1,2 +3,4 @@ …`; a missing count is 1.
fn hunk_header(line: &str) -> Option<Hunk> {
    let (old, rest) = line.strip_prefix("@@ -")?.split_once(" +")?;
    let (new, _) = rest.split_once(" @@")?;
    let range = |text: &str| -> Option<(u64, u64)> {
        match text.split_once(',') {
            Some((start, count)) => Some((start.parse().ok()?, count.parse().ok()?)),
            None => Some((text.parse().ok()?, 1)),
        }
    };
    let ((old_start, old_lines), (new_start, new_lines)) = (range(old)?, range(new)?);
    Some(Hunk::new(
        old_start,
        old_lines,
        new_start,
        new_lines,
        String::new(),
    ))
}

#[cfg(test)]
mod tests {
    use super::{by_change, hunks};

    #[test]
    fn content_resembling_a_header_is_content() {
        let patch = "diff --git a/x b/x\n--- a/x\n+++ b/x\n@@ -1 +1,2 @@ fn x\n-@@ -1 +1 @@\n\
                     +diff --git a/y b/y\n+two\n\\ No newline at end of file\n@@ -9,0 +11 @@\n+z\n";
        let hunks = hunks(patch);
        assert_eq!(hunks.len(), 2);
        let first = &hunks[0];
        assert_eq!((first.old_start, first.old_lines), (1, 1));
        assert_eq!((first.new_start, first.new_lines), (1, 2));
        assert!(first.content.ends_with("\\ No newline at end of file\n"));
        assert_eq!(hunks[1].content, "+z\n");
    }

    #[test]
    fn mismatched_diff_parts_are_rejected() {
        assert_eq!(by_change(b"", &[]), Some(vec![]));
        assert_eq!(by_change(b"diff --git a/x b/x\n", &[]), None);
        assert_eq!(by_change(b"noise\n", &[]), None);
    }
}
