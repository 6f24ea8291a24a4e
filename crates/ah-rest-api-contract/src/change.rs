//! The changes of a session: files, counts and diffs (contract §4.3).

use serde::{Deserialize, Serialize};

use crate::constructor::constructor;
use crate::word::words;
use crate::{FieldErrors, Timestamp};

/// The default number of context lines around a change.
pub const CONTEXT_LINES_DEFAULT: u32 = 3;
/// The maximum number of context lines around a change.
pub const CONTEXT_LINES_MAX: u32 = 10;

/// The size of a session's changes against the commit at which it started.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeSummary {
    /// The number of files added, modified, deleted or renamed.
    pub files_changed: u64,
    /// The number of lines added in all text files.
    pub lines_added: u64,
    /// The number of lines removed in all text files.
    pub lines_removed: u64,
}

/// The kind of change to a file.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum FileStatus {
    /// The file is new.
    Added,
    /// The content or mode changed.
    Modified,
    /// The file was deleted.
    Deleted,
    /// The file was renamed.
    Renamed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

words!(open FileStatus);

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FileEntry {
    /// The path, relative to the workspace.
    pub path: String,
    /// The previous path of a renamed file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// The kind of change.
    pub status: FileStatus,
    /// The number of lines added; 0 for a binary file.
    pub lines_added: u64,
    /// The number of lines removed; 0 for a binary file.
    pub lines_removed: u64,
    /// True if git treats the file as binary.
    pub is_binary: bool,
    /// True if the file is too large to be compared: its lines are not counted, and its content is
    /// not kept.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_truncated: bool,
    /// The current size in bytes; absent if the file was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// The time of the last modification; absent if the file or the workspace was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Timestamp>,
}

constructor! {
    /// Creates an entry without counts, size and times.
    FileEntry::new(path: String, status: FileStatus);
    optional old_path: String;
    optional size_bytes: u64;
    optional last_modified: Timestamp;
    or lines_added: u64 = 0;
    or lines_removed: u64 = 0;
    or is_binary: bool = false;
    or is_truncated: bool = false;
}

/// A query for the diff of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffQuery {
    files: Vec<String>,
    context_lines: u32,
    full_file: bool,
}

impl Default for DiffQuery {
    /// Returns the query for all changed files, with [`CONTEXT_LINES_DEFAULT`] lines around each
    /// change.
    fn default() -> Self {
        Self {
            files: Vec::new(),
            context_lines: CONTEXT_LINES_DEFAULT,
            full_file: false,
        }
    }
}

impl DiffQuery {
    /// Creates a query for these files (all changed ones if empty), with `context_lines` lines
    /// around each change.
    ///
    /// # Errors
    /// Names `context` if it exceeds [`CONTEXT_LINES_MAX`], and `files` if a path is absolute or
    /// leaves the workspace.
    pub fn new(files: Vec<String>, context_lines: u32) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if context_lines > CONTEXT_LINES_MAX {
            errors.add("context", format!("must be at most {CONTEXT_LINES_MAX}"));
        }
        for file in &files {
            if file.is_empty() || file.starts_with('/') || file.split('/').any(|s| s == "..") {
                errors.add(
                    "files",
                    format!("`{file}` is not a path inside the workspace"),
                );
            }
        }
        errors.into_result(Self {
            files,
            context_lines,
            full_file: false,
        })
    }

    /// Includes the whole file as context, regardless of its length.
    #[must_use]
    pub const fn whole_files(mut self) -> Self {
        self.full_file = true;
        self
    }

    /// The requested files; empty means all changed files.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// The number of context lines around each change.
    #[must_use]
    pub const fn context_lines(&self) -> u32 {
        self.context_lines
    }

    /// Returns true if the whole file is the context.
    #[must_use]
    pub const fn full_file(&self) -> bool {
        self.full_file
    }
}

/// One hunk of a diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct Hunk {
    /// The first line in the old file, from 1; 0 if the old side is empty.
    pub old_start: u64,
    /// The number of lines in the old file.
    pub old_lines: u64,
    /// The first line in the new file, from 1; 0 if the new side is empty.
    pub new_start: u64,
    /// The number of lines in the new file.
    pub new_lines: u64,
    /// The lines, each with the prefix ` `, `+`, `-` or `\`.
    pub content: String,
}

constructor! {
    /// Creates a hunk.
    Hunk::new(old_start: u64, old_lines: u64, new_start: u64, new_lines: u64, content: String);
}

/// The diff of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FileDiff {
    /// The path, relative to the workspace.
    pub path: String,
    /// The previous path of a renamed file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// The kind of change.
    pub status: FileStatus,
    /// The unified diff in git's format, header included; empty for a binary file, and for one
    /// whose diff is too large.
    pub diff: String,
    /// The number of lines added.
    pub lines_added: u64,
    /// The number of lines removed.
    pub lines_removed: u64,
    /// The number of context lines around each change.
    pub context_lines: u32,
    /// True if the query requested the whole file as context.
    pub full_file: bool,
    /// True if git treats the file as binary.
    pub is_binary: bool,
    /// True if the diff is left out because it is too large: over 16 MiB, or over 64 MiB together
    /// with those of the files before. The counts are those of the whole diff. They are 0 if the
    /// file itself is too large to be compared.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_truncated: bool,
    /// The hunks of the diff.
    pub hunks: Vec<Hunk>,
}

constructor! {
    /// Creates a diff of a text file, without counts and hunks.
    FileDiff::new(path: String, status: FileStatus, diff: String);
    optional old_path: String;
    or lines_added: u64 = 0;
    or lines_removed: u64 = 0;
    or context_lines: u32 = 0;
    or full_file: bool = false;
    or is_binary: bool = false;
    or is_truncated: bool = false;
    or hunks: Vec<Hunk> = Vec::new();
}

/// The diff of a session: its current workspace against the commit at which it started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct SessionDiff {
    /// The files, sorted by path.
    pub files: Vec<FileDiff>,
    /// The number of lines added in all files.
    pub total_lines_added: u64,
    /// The number of lines removed in all files.
    pub total_lines_removed: u64,
}

impl SessionDiff {
    /// Creates the diff of these files, with the totals of their lines.
    #[must_use]
    pub fn of(files: Vec<FileDiff>) -> Self {
        let total =
            |lines: fn(&FileDiff) -> u64| files.iter().map(lines).fold(0, u64::saturating_add);
        Self {
            total_lines_added: total(|file| file.lines_added),
            total_lines_removed: total(|file| file.lines_removed),
            files,
        }
    }
}
