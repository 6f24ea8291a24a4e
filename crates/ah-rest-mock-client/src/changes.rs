//! The changed files of a session, derived from its edits. The contents of lines are invented.

use std::collections::BTreeMap;

use ah_rest_api_contract::{
    ChangeSummary, ContentQuery, DiffQuery, FileContent, FileDetails, FileDiff, FileEdit,
    FileEncoding, FileEntry, FileKind, FileNode, FileNodeQuery, FilePath, FileStatus, Hunk,
    SessionDiff, Timestamp,
};

/// The files that a session's edits have touched.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    files: BTreeMap<String, Touched>,
}

#[derive(Clone, Copy, Debug)]
struct Touched {
    /// A file whose first edit removes nothing is considered new.
    status: FileStatus,
    added: u64,
    removed: u64,
    at: Timestamp,
}

impl Changes {
    /// Applies an edit.
    pub(crate) fn edit(&mut self, edit: &FileEdit, at: Timestamp) {
        let status = if edit.lines_removed == 0 {
            FileStatus::Added
        } else {
            FileStatus::Modified
        };
        let touched = self.files.entry(edit.file_path.clone()).or_insert(Touched {
            status,
            added: 0,
            removed: 0,
            at,
        });
        touched.at = at;
        touched.added += edit.lines_added;
        match touched.status {
            // Lines removed from a new file were added before, so they cancel out.
            FileStatus::Added => touched.added = touched.added.saturating_sub(edit.lines_removed),
            _ => touched.removed += edit.lines_removed,
        }
    }

    pub(crate) fn summary(&self) -> ChangeSummary {
        let sum = |lines: fn(&Touched) -> u64| self.files.values().map(lines).sum();
        ChangeSummary {
            files_changed: self.files.len() as u64,
            lines_added: sum(|file| file.added),
            lines_removed: sum(|file| file.removed),
        }
    }

    pub(crate) fn entries(&self) -> Vec<FileEntry> {
        let entry = |(path, file): (&String, &Touched)| {
            FileEntry::new(path.clone(), file.status)
                .with_lines_added(file.added)
                .with_lines_removed(file.removed)
                .with_size_bytes(content(file).len() as u64)
                .with_last_modified(file.at)
        };
        self.files.iter().map(entry).collect()
    }

    /// Returns a file. The workspace of the mock has the edited files and no other.
    pub(crate) fn file(&self, path: &FilePath) -> Option<FileDetails> {
        let file = self.files.get(path.as_str())?;
        let details = FileDetails::new(path.as_str(), FileKind::File, "text/plain")
            .with_mode("100644".to_owned())
            .with_status(file.status)
            .with_encoding(FileEncoding::Utf8)
            .with_size_bytes(content(file).len() as u64)
            .with_lines_added(file.added)
            .with_lines_removed(file.removed);
        Some(details)
    }

    /// Returns a part of a file. Its text is ASCII, so that a part may end anywhere.
    pub(crate) fn content(&self, path: &FilePath, query: ContentQuery) -> Option<FileContent> {
        let whole = content(self.files.get(path.as_str())?);
        let begin = usize::try_from(query.offset)
            .unwrap_or(usize::MAX)
            .min(whole.len());
        let count = usize::try_from(query.bytes()).unwrap_or(usize::MAX);
        let end = begin.saturating_add(count).min(whole.len());
        let part = FileContent::new(path.as_str(), &whole[begin..end], whole.len() as u64)
            .with_offset(query.offset)
            .with_next_offset((end < whole.len()).then_some(end as u64))
            .with_is_modified(true);
        Some(part)
    }

    /// Returns a folder with its files.
    pub(crate) fn folder(&self, query: &FileNodeQuery) -> Option<FileNode> {
        let path = query
            .path
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default();
        let prefix = match path.is_empty() {
            true => String::new(),
            false => format!("{path}/"),
        };
        let mut children: BTreeMap<&str, FileNode> = BTreeMap::new();
        for (file, touched) in &self.files {
            let Some(below) = file.strip_prefix(&prefix) else {
                continue;
            };
            match below.split_once('/') {
                None => {
                    let node = FileNode::new(file.as_str(), FileKind::File)
                        .with_size_bytes(content(touched).len() as u64)
                        .with_is_modified(true);
                    children.insert(below, node);
                }
                Some((name, _)) => {
                    let path = format!("{prefix}{name}").parse().ok()?;
                    let query = FileNodeQuery {
                        path: Some(path),
                        ..query.clone()
                    };
                    let folder = match query.recursive {
                        true => self.folder(&query)?,
                        false => FileNode::new(format!("{prefix}{name}"), FileKind::Directory)
                            .with_is_modified(true),
                    };
                    children.insert(name, folder);
                }
            }
        }
        if children.is_empty() && !path.is_empty() {
            return None;
        }
        let is_modified = !children.is_empty();
        let folder = FileNode::new(path, FileKind::Directory)
            .with_is_modified(is_modified)
            .with_children(children.into_values().collect::<Vec<_>>());
        Some(folder)
    }

    /// Returns the diff of the requested files.
    pub(crate) fn diff(&self, query: &DiffQuery) -> SessionDiff {
        let wanted = self
            .files
            .iter()
            .filter(|(path, _)| query.files().is_empty() || query.files().contains(path));
        let files: Vec<FileDiff> = wanted.map(|(path, file)| diff(path, file, query)).collect();
        SessionDiff::of(files)
    }
}

/// The content of a file: the lines that its edits added.
fn content(file: &Touched) -> String {
    added_lines(file).map(|line| line[1..].to_owned()).collect()
}

fn added_lines(file: &Touched) -> impl Iterator<Item = String> {
    let count = file.added;
    (1..=count).map(move |number| format!("+Line {number} of {count} invented by the mock.\n"))
}

fn diff(path: &str, file: &Touched, query: &DiffQuery) -> FileDiff {
    let count = file.removed;
    let removed = (1..=count).map(|number| format!("-Line {number} of {count} that were there.\n"));
    let content: String = removed.chain(added_lines(file)).collect();
    let old = if file.status == FileStatus::Added {
        "/dev/null".to_owned()
    } else {
        format!("a/{path}")
    };
    let hunk = Hunk::new(
        u64::from(file.removed > 0),
        file.removed,
        u64::from(file.added > 0),
        file.added,
        content,
    );
    let header = format!(
        "diff --git a/{path} b/{path}\n--- {old}\n+++ b/{path}\n@@ -{},{} +{},{} @@\n",
        hunk.old_start, hunk.old_lines, hunk.new_start, hunk.new_lines
    );
    FileDiff::new(path.to_owned(), file.status, header + &hunk.content)
        .with_lines_added(file.added)
        .with_lines_removed(file.removed)
        .with_context_lines(query.context_lines())
        .with_full_file(query.full_file())
        .with_hunks(vec![hunk])
}
