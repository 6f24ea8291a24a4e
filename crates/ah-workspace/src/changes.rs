//! The files that a session changed, with line counts.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::{self, File, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::UNIX_EPOCH;

use ah_rest_api_contract::{ChangeSummary, FileEntry, FileStatus, Timestamp};

use crate::record::Workspace;
use crate::snapshot::{Look, TooLargeFile, scratch};
use crate::{WorkspaceError, Workspaces};

const OPERATION: &str = "list the changed files";

/// The changes of a session relative to its base commit: committed or not, staged or not, including
/// untracked files that are not ignored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Changes {
    /// The totals over all files.
    pub summary: ChangeSummary,
    /// The files, sorted by path. Paths that are not UTF-8 contain replacement characters.
    pub files: Vec<FileEntry>,
}

/// A changed file as reported by git.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ChangedFile {
    /// Its path in bytes, which may not be UTF-8.
    pub(crate) path: Vec<u8>,
    pub(crate) old_path: Option<Vec<u8>>,
    pub(crate) status: FileStatus,
    /// True if the kind of the entry changed, for example from a file to a link. Git shows such a
    /// change as two diffs.
    pub(crate) changed_kind: bool,
    /// The id of its current object.
    pub(crate) object: String,
    pub(crate) lines: Option<(u64, u64)>,
    /// True if the file is too large to be compared.
    pub(crate) is_too_large: bool,
}

impl Workspaces {
    /// Returns the session's changes, from its folder, or from its `end` snapshot if the folder is
    /// gone or can no longer be compared.
    ///
    /// # Errors
    /// The folder is gone and has no snapshot, or git cannot read it.
    pub async fn changes(&self, workspace: &Workspace) -> Result<Changes, WorkspaceError> {
        let look = self.look(workspace).await?;
        match self.changes_of(workspace, &look).await {
            Ok(changes) => Ok(changes),
            Err(error) => {
                let kept = self.kept_look(workspace, &look, error).await?;
                self.changes_of(workspace, &kept).await
            }
        }
    }

    async fn changes_of(
        &self,
        workspace: &Workspace,
        look: &Look,
    ) -> Result<Changes, WorkspaceError> {
        let mut changes = self.list_changes(workspace, look).await?;
        let sizes = if look.is_live {
            HashMap::new()
        } else {
            self.sizes(workspace, look, &changes).await?
        };
        changes.extend(look.too_large.iter().map(ChangedFile::too_large));
        changes.sort_by(|a, b| a.path.cmp(&b.path));
        let mut all = Changes::default();
        for change in changes {
            let (added, removed) = change.lines.unwrap_or_default();
            all.summary.files_changed += 1;
            all.summary.lines_added += added;
            all.summary.lines_removed += removed;
            all.files.push(change.into_entry(workspace, look, &sizes));
        }
        Ok(all)
    }

    /// Lists the changed files in git's order, which is by path.
    pub(crate) async fn list_changes(
        &self,
        workspace: &Workspace,
        look: &Look,
    ) -> Result<Vec<ChangedFile>, WorkspaceError> {
        if look.tree == workspace.base_commit {
            return Ok(Vec::new());
        }
        // The plumbing command, whose output does not depend on the user's configuration.
        let args = [
            "diff-tree",
            "-r",
            "-z",
            "-M",
            "--raw",
            "--numstat",
            "--no-abbrev",
            "--no-ext-diff",
            "--no-textconv",
            "--ignore-submodules=none",
            &workspace.base_commit,
            &look.tree,
        ];
        let call = self.git.own_call(OPERATION, args);
        let printed = look.read_by(call).run().await?;
        read(&printed).map_err(|problem| WorkspaceError::GitFormat {
            operation: OPERATION,
            problem,
        })
    }

    /// Returns the sizes in bytes of a snapshot's changed files, from their objects.
    async fn sizes(
        &self,
        workspace: &Workspace,
        look: &Look,
        changes: &[ChangedFile],
    ) -> Result<HashMap<String, u64>, WorkspaceError> {
        let scratch = scratch(workspace)?;
        let list = scratch.path().join("objects");
        let lines: String = changes
            .iter()
            .map(|it| format!("{}\n", it.object))
            .collect();
        fs::write(&list, lines).map_err(WorkspaceError::file("write", &list))?;
        let list = File::open(&list).map_err(WorkspaceError::file("read", &list))?;
        let format = "--batch-check=%(objectname) %(objectsize)";
        let call = self
            .git
            .own_call("read the sizes of files", ["cat-file", format]);
        let printed = look.read_by(call).input(list).run().await?;
        let printed = String::from_utf8_lossy(&printed);
        // A deleted file and a commit of another repository have no size.
        let sized = printed.lines().filter_map(|line| {
            let (object, size) = line.split_once(' ')?;
            Some((object.to_owned(), size.parse().ok()?))
        });
        Ok(sized.collect())
    }
}

impl ChangedFile {
    /// Creates the entry of a file that is too large.
    pub(crate) fn too_large(file: &TooLargeFile) -> Self {
        Self {
            path: file.path.clone(),
            old_path: None,
            status: match file.is_in_base {
                true => FileStatus::Modified,
                false => FileStatus::Added,
            },
            changed_kind: false,
            object: String::new(),
            lines: None,
            is_too_large: true,
        }
    }

    pub(crate) fn shown_path(&self) -> String {
        String::from_utf8_lossy(&self.path).into_owned()
    }

    pub(crate) fn shown_old_path(&self) -> Option<String> {
        let old = self.old_path.as_ref();
        old.map(|path| String::from_utf8_lossy(path).into_owned())
    }

    fn into_entry(
        self,
        workspace: &Workspace,
        look: &Look,
        sizes: &HashMap<String, u64>,
    ) -> FileEntry {
        let (lines_added, lines_removed) = self.lines.unwrap_or_default();
        let file = workspace
            .path
            .join(Path::new(OsStr::from_bytes(&self.path)));
        let found = (look.is_live && self.status != FileStatus::Deleted)
            .then(|| fs::symlink_metadata(file).ok())
            .flatten();
        let size_in_snapshot = sizes.get(&self.object).copied();
        FileEntry::new(self.shown_path(), self.status)
            .with_old_path(self.shown_old_path())
            .with_lines_added(lines_added)
            .with_lines_removed(lines_removed)
            .with_is_binary(self.lines.is_none() && !self.is_too_large)
            .with_is_truncated(self.is_too_large)
            .with_size_bytes(found.as_ref().map(Metadata::len).or(size_in_snapshot))
            .with_last_modified(found.as_ref().and_then(last_modified))
    }
}

fn last_modified(found: &Metadata) -> Option<Timestamp> {
    let since = found.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    let millis = i64::try_from(since.as_millis()).ok()?;
    Some(Timestamp::from_unix_millis(millis))
}

/// Parses the output of `git diff-tree -z --raw --numstat`: first the status of every file, then
/// the line counts in the same order.
fn read(printed: &[u8]) -> Result<Vec<ChangedFile>, String> {
    let mut fields = printed.split(|byte| *byte == 0).peekable();
    let mut next = |what: &str| {
        fields
            .next()
            .ok_or_else(|| format!("it ends before the {what}"))
    };
    let mut changes = Vec::new();
    let mut field = next("first file")?;
    while let Some(raw) = field.strip_prefix(b":") {
        let raw = String::from_utf8_lossy(raw).into_owned();
        let [_, _, _, object, status] = raw.split(' ').collect::<Vec<_>>()[..] else {
            return Err(format!("`{raw}` is not a changed file"));
        };
        let letter = status.chars().next().unwrap_or_default();
        let first = next("path")?.to_vec();
        let (path, old_path) = match letter {
            'R' => (next("new path")?.to_vec(), Some(first)),
            _ => (first, None),
        };
        changes.push(ChangedFile {
            path,
            old_path,
            status: status_of(letter)?,
            changed_kind: letter == 'T',
            object: object.to_owned(),
            lines: None,
            is_too_large: false,
        });
        field = next("next file")?;
    }
    for change in &mut changes {
        let mut parts = field.splitn(3, |byte| *byte == b'\t');
        let mut part = || parts.next().ok_or("lines are not counted for every file");
        let (added, removed, path) = (part()?, part()?, part()?);
        change.lines = count(added)?.zip(count(removed)?);
        // A renamed file has its two paths in separate fields.
        if path.is_empty() {
            next("old path")?;
            next("new path")?;
        }
        field = next("next file")?;
    }
    Ok(changes)
}

fn status_of(letter: char) -> Result<FileStatus, String> {
    match letter {
        'A' => Ok(FileStatus::Added),
        'D' => Ok(FileStatus::Deleted),
        'R' => Ok(FileStatus::Renamed),
        'M' | 'T' => Ok(FileStatus::Modified),
        other => Err(format!("`{other}` is not a change")),
    }
}

/// Parses a line count; `None` for a binary file.
fn count(field: &[u8]) -> Result<Option<u64>, String> {
    let text = String::from_utf8_lossy(field);
    match &*text {
        "-" => Ok(None),
        number => match number.parse() {
            Ok(count) => Ok(Some(count)),
            Err(error) => Err(format!("`{number}` is not a number of lines: {error}")),
        },
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::FileStatus;

    use super::read;

    #[test]
    fn both_git_outputs_are_combined() {
        let printed = b":100644 100644 a b M\0x\ty\0:100644 100644 c d R090\0old\0new\n\0\
                        3\t1\tx\ty\0-\t-\t\0old\0new\n\0";
        let changes = read(printed).unwrap();
        assert_eq!(changes.len(), 2);
        assert_eq!(changes[0].path, b"x\ty");
        assert_eq!(changes[0].lines, Some((3, 1)));
        assert_eq!(changes[1].status, FileStatus::Renamed);
        assert_eq!(changes[1].old_path.as_deref(), Some(&b"old"[..]));
        assert_eq!(changes[1].path, b"new\n");
        assert_eq!(changes[1].lines, None);
    }

    #[test]
    fn empty_output_is_no_change_and_truncated_output_is_an_error() {
        assert!(read(b"").unwrap().is_empty());
        assert!(read(b":100644 100644 a b M\0x\0").is_err());
        assert!(read(b":100644 100644 a b M\0x\0one\t1\tx\0").is_err());
        assert!(read(b":100644 M\0x\0").is_err());
    }
}
