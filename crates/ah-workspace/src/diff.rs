//! The diff of a session, by file.

mod patches;

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use ah_rest_api_contract::{DiffQuery, FileDiff, Hunk, SessionDiff};

use crate::changes::ChangedFile;
use crate::record::Workspace;
use crate::snapshot::Look;
use crate::{WorkspaceError, Workspaces};

use patches::{Patch, Patches};

const OPERATION: &str = "print the diff";
/// A number of context lines that covers any file.
const WHOLE_FILE: u32 = i32::MAX.unsigned_abs();
/// The maximum number of paths passed to git. For more paths, git prints the whole diff.
const NAMED_MAX: usize = 64;

impl Workspaces {
    /// Returns the diff of the session's changes, from its folder, or from its `end` snapshot if
    /// the folder is gone or can no longer be compared. Files of the query that are unchanged or
    /// missing have no entry. A renamed file is found by either of its paths. A file has no patch if
    /// that is over 16 MiB, if it exceeds 64 MiB together with those before it, or if the file itself
    /// is too large.
    ///
    /// # Errors
    /// The folder is gone and has no snapshot, or git cannot read it.
    pub async fn diff(
        &self,
        workspace: &Workspace,
        query: &DiffQuery,
    ) -> Result<SessionDiff, WorkspaceError> {
        let look = self.look(workspace).await?;
        match self.diff_of(workspace, &look, query).await {
            Ok(diff) => Ok(diff),
            Err(error) => {
                let kept = self.kept_look(workspace, &look, error).await?;
                self.diff_of(workspace, &kept, query).await
            }
        }
    }

    async fn diff_of(
        &self,
        workspace: &Workspace,
        look: &Look,
        query: &DiffQuery,
    ) -> Result<SessionDiff, WorkspaceError> {
        let all = self.list_changes(workspace, look).await?;
        let everything = all.len();
        let wanted: Vec<ChangedFile> = all.into_iter().filter(|c| is_wanted(c, query)).collect();
        let patches = match wanted.is_empty() {
            true => Vec::new(),
            false => {
                self.patches(workspace, look, query, &wanted, everything)
                    .await?
            }
        };
        let too_large = look.too_large.iter().map(ChangedFile::too_large);
        let too_large = too_large.filter(|change| is_wanted(change, query));
        let too_large = too_large.map(|change| (change, Patch::TooLarge));
        let mut files: Vec<_> = wanted.into_iter().zip(patches).chain(too_large).collect();
        files.sort_by(|(a, _), (b, _)| a.path.cmp(&b.path));
        let files = files.into_iter();
        let files = files.map(|(change, patch)| file_diff(&change, patch, query));
        Ok(SessionDiff::of(files.collect()))
    }

    /// Returns the patches of these changes, in their order.
    async fn patches(
        &self,
        workspace: &Workspace,
        look: &Look,
        query: &DiffQuery,
        wanted: &[ChangedFile],
        everything: usize,
    ) -> Result<Vec<Patch>, WorkspaceError> {
        if wanted.len() < everything && wanted.len() <= NAMED_MAX {
            let printed = self.print(workspace, look, query, wanted).await?;
            // Rename detection is a heuristic over all paths that git sees. With fewer paths the
            // result may differ, and the number of parts does not match. Then git prints the whole
            // diff.
            if let Some(patches) = printed.by_change(wanted) {
                return Ok(patches);
            }
        }
        let all = self.list_changes(workspace, look).await?;
        let printed = self.print(workspace, look, query, &[]).await?;
        let patches = printed
            .by_change(&all)
            .ok_or_else(|| WorkspaceError::GitFormat {
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
    ) -> Result<Patches, WorkspaceError> {
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
        let mut patches = Patches::default();
        let call = look.read_by(call);
        call.run_into(&mut |part| patches.take(part)).await?;
        Ok(patches)
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

fn file_diff(change: &ChangedFile, patch: Patch, query: &DiffQuery) -> FileDiff {
    // Text that JSON cannot represent is shown like a binary file: by name and counts.
    let is_binary = (change.lines.is_none() && !change.is_too_large) || patch == Patch::NotText;
    let is_truncated = !is_binary && patch == Patch::TooLarge;
    let patch = match patch {
        Patch::Whole(text) if !is_binary => text,
        _ => String::new(),
    };
    let hunks = hunks(&patch);
    let (lines_added, lines_removed) = change.lines.unwrap_or_default();
    FileDiff::new(change.shown_path(), change.status, patch)
        .with_old_path(change.shown_old_path())
        .with_lines_added(lines_added)
        .with_lines_removed(lines_removed)
        .with_context_lines(query.context_lines())
        .with_full_file(query.full_file())
        .with_is_binary(is_binary)
        .with_is_truncated(is_truncated)
        .with_hunks(hunks)
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
    use super::hunks;

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
}
