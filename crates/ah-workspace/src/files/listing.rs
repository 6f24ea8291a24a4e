//! The entries of folders.

use std::collections::BTreeSet;
use std::iter::Peekable;

use ah_rest_api_contract::{
    FILE_NODES_DEPTH_MAX, FILE_NODES_MAX, FILE_PATH_BYTES_MAX, FileKind, FileNode, FileNodeQuery,
    FileStatus,
};

use crate::WorkspaceError;
use crate::changes::ChangedFile;

pub(super) const OPERATION: &str = "list the files";
/// The option for entries with their sizes. With `-z` paths are not quoted, as they are with a format.
pub(super) const LONG: &str = "--long";
/// The maximum size of an entry in bytes: a path and its object.
const LINE_BYTES_MAX: usize = FILE_PATH_BYTES_MAX + 256;

/// An entry of a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) path: Vec<u8>,
    pub(super) kind: FileKind,
    pub(super) mode: String,
    pub(super) object: String,
    /// Absent for a folder and a submodule.
    pub(super) size_bytes: Option<u64>,
}

impl Entry {
    /// Parses a line of `git ls-tree --long`.
    pub(super) fn parse(line: &[u8]) -> Result<Self, WorkspaceError> {
        let wrong = || WorkspaceError::GitFormat {
            operation: OPERATION,
            problem: format!("`{}` is not an entry", String::from_utf8_lossy(line)),
        };
        let tab = line
            .iter()
            .position(|byte| *byte == b'\t')
            .ok_or_else(wrong)?;
        let head = std::str::from_utf8(&line[..tab]).map_err(|_| wrong())?;
        let words: Vec<&str> = head.split_ascii_whitespace().collect();
        let [mode, kind, object, size] = words[..] else {
            return Err(wrong());
        };
        let kind = match (kind, mode) {
            ("tree", _) => FileKind::Directory,
            ("commit", _) => FileKind::Submodule,
            (_, "120000") => FileKind::Symlink,
            _ => FileKind::File,
        };
        Ok(Self {
            path: line[tab + 1..].to_vec(),
            kind,
            mode: mode.to_owned(),
            object: object.to_owned(),
            size_bytes: size.parse().ok(),
        })
    }

    pub(super) fn has_content(&self) -> bool {
        matches!(self.kind, FileKind::File | FileKind::Symlink)
    }
}

/// The lines of a listing, of which only as many are kept as a response has.
#[derive(Debug, Default)]
pub(super) struct Lines {
    whole: Vec<Vec<u8>>,
    line: Vec<u8>,
    /// True if a line was dropped.
    is_cut: bool,
}

impl Lines {
    /// Takes the next bytes of git's output.
    pub(super) fn take(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|byte| *byte == 0) {
            let (text, is_end) = match piece.strip_suffix(&[0]) {
                Some(text) => (text, true),
                None => (piece, false),
            };
            if self.line.len() + text.len() <= LINE_BYTES_MAX {
                self.line.extend_from_slice(text);
            }
            if is_end {
                let line = std::mem::take(&mut self.line);
                if self.whole.len() < FILE_NODES_MAX {
                    self.whole.push(line);
                } else {
                    self.is_cut = true;
                }
            }
        }
    }

    /// Returns the entries below `within`, and true if none is left out.
    pub(super) fn entries(self, within: &str) -> Result<(Vec<Entry>, bool), WorkspaceError> {
        let mut is_whole = !self.is_cut;
        let mut entries = Vec::new();
        for line in &self.whole {
            let entry = Entry::parse(line)?;
            let below = entry.path.get(within.len()..).unwrap_or_default();
            if below.iter().filter(|byte| **byte == b'/').count() < FILE_NODES_DEPTH_MAX {
                entries.push(entry);
            } else {
                is_whole = false;
            }
        }
        Ok((entries, is_whole))
    }
}

/// The paths that a session changed.
#[derive(Debug)]
pub(super) struct Changed<'a> {
    /// The files that are there.
    files: BTreeSet<&'a [u8]>,
    /// These, those that were deleted, and the previous paths of renamed ones.
    all: BTreeSet<&'a [u8]>,
}

impl<'a> Changed<'a> {
    pub(super) fn of(changes: &'a [ChangedFile]) -> Self {
        let is_there = |change: &&ChangedFile| change.status != FileStatus::Deleted;
        let path = |change: &'a ChangedFile| change.path.as_slice();
        let old = changes
            .iter()
            .filter_map(|change| change.old_path.as_deref());
        Self {
            files: changes.iter().filter(is_there).map(path).collect(),
            all: changes.iter().map(path).chain(old).collect(),
        }
    }

    fn has(&self, entry: &Entry) -> bool {
        match entry.kind {
            FileKind::Directory => self.has_within(&entry.path),
            _ => self.files.contains(entry.path.as_slice()),
        }
    }

    /// Returns true if something in a folder has changed.
    fn has_within(&self, folder: &[u8]) -> bool {
        let start = [folder, b"/"].concat();
        let mut from = self.all.range(start.as_slice()..);
        from.next().is_some_and(|path| path.starts_with(&start))
    }
}

/// Returns the folder of a query with these entries in git's order.
pub(super) fn tree(
    query: &FileNodeQuery,
    entries: Vec<Entry>,
    is_whole: bool,
    changed: &Changed<'_>,
) -> FileNode {
    let path = query.path.as_ref().map(ToString::to_string);
    let is_modified = match &path {
        Some(path) => changed.has_within(path.as_bytes()),
        None => !changed.all.is_empty(),
    };
    let wanted = entries
        .into_iter()
        .filter(|entry| !query.modified_only || changed.has(entry));
    let mut wanted = wanted.peekable();
    let children = nodes(b"", &mut wanted, query.recursive, changed);
    FileNode::new(path.unwrap_or_default(), FileKind::Directory)
        .with_is_modified(is_modified)
        .with_children(children)
        .with_is_truncated(!is_whole)
}

/// Returns the nodes of the entries whose paths begin with `prefix`. The depth of the recursion is
/// at most [`FILE_NODES_DEPTH_MAX`].
fn nodes(
    prefix: &[u8],
    entries: &mut Peekable<impl Iterator<Item = Entry>>,
    recursive: bool,
    changed: &Changed<'_>,
) -> Vec<FileNode> {
    let mut nodes = Vec::new();
    while let Some(entry) = entries.next_if(|entry| entry.path.starts_with(prefix)) {
        let node = FileNode::new(String::from_utf8_lossy(&entry.path), entry.kind)
            .with_size_bytes(entry.size_bytes)
            .with_is_modified(changed.has(&entry));
        nodes.push(if recursive && entry.kind == FileKind::Directory {
            let prefix = [entry.path.as_slice(), b"/"].concat();
            node.with_children(self::nodes(&prefix, entries, recursive, changed))
        } else {
            node
        });
    }
    nodes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str) -> Entry {
        let (kind, path) = match path.strip_suffix('/') {
            Some(folder) => ("040000 tree", folder),
            None => ("100644 blob", path),
        };
        let line = format!("{kind} 1f1f       7\t{path}");
        Entry::parse(line.as_bytes()).unwrap()
    }

    #[test]
    fn entries_are_nested_by_their_folders() {
        let entries = ["a/", "a/b/", "a/b/c", "a.b", "d"].map(entry).to_vec();
        let query = FileNodeQuery {
            recursive: true,
            ..FileNodeQuery::default()
        };
        let changed = Changed::of(&[]);
        let root = tree(&query, entries, true, &changed);
        let children = root.children.unwrap();
        let paths: Vec<&str> = children.iter().map(|node| node.path.as_str()).collect();
        assert_eq!(paths, ["a", "a.b", "d"]);
        let b = &children[0].children.as_ref().unwrap()[0];
        assert_eq!(b.path, "a/b");
        assert_eq!(b.children.as_ref().unwrap()[0].path, "a/b/c");
        assert!(children[1].children.is_none());
    }

    #[test]
    fn a_listing_is_cut_at_its_limits() {
        let mut lines = Lines::default();
        let deep = "x/".repeat(FILE_NODES_DEPTH_MAX) + "x";
        lines.take(format!("100644 blob 1 1\t{deep}\0").as_bytes());
        lines.take(b"100644 blob 1 1\t");
        lines.take(b"a\0");
        let (entries, is_whole) = lines.entries("").unwrap();
        assert_eq!((entries.len(), is_whole), (1, false));
        let mut lines = Lines::default();
        for number in 0..=FILE_NODES_MAX {
            lines.take(format!("100644 blob 1 1\t{number}\0").as_bytes());
        }
        let (entries, is_whole) = lines.entries("").unwrap();
        assert_eq!((entries.len(), is_whole), (FILE_NODES_MAX, false));
    }
}
