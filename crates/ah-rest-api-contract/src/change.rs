//! What a session changed: files, counts and diffs (contract §4.3).

use serde::{Deserialize, Serialize};

use crate::word::words;
use crate::{FieldErrors, Timestamp};

/// Lines of context around a change when the query does not say.
pub const CONTEXT_LINES_DEFAULT: u32 = 3;
/// The most lines of context that a query may ask for.
pub const CONTEXT_LINES_MAX: u32 = 10;

/// How much a session changed, against the commit it began at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ChangeSummary {
    /// Files added, modified, deleted or renamed.
    pub files_changed: u64,
    /// Lines added, over all text files.
    pub lines_added: u64,
    /// Lines removed, over all text files.
    pub lines_removed: u64,
}

/// What happened to a file.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum FileStatus {
    /// It is new.
    Added,
    /// Its content or mode changed.
    Modified,
    /// It is gone.
    Deleted,
    /// It has another path.
    Renamed,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

words!(open FileStatus);

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileEntry {
    /// Its path, relative to the workspace.
    pub path: String,
    /// The path it had, when it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// What happened to it.
    pub status: FileStatus,
    /// Lines added; 0 for a binary file.
    pub lines_added: u64,
    /// Lines removed; 0 for a binary file.
    pub lines_removed: u64,
    /// Whether git takes it for binary.
    pub is_binary: bool,
    /// Its size now in bytes; absent when it is gone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// When it was last written; absent when it is gone, or the workspace is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_modified: Option<Timestamp>,
}

/// Which diff is wanted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffQuery {
    files: Vec<String>,
    context_lines: u32,
    full_file: bool,
}

impl Default for DiffQuery {
    /// Every changed file, with [`CONTEXT_LINES_DEFAULT`] lines around each change.
    fn default() -> Self {
        Self {
            files: Vec::new(),
            context_lines: CONTEXT_LINES_DEFAULT,
            full_file: false,
        }
    }
}

impl DiffQuery {
    /// The diff of these files (all changed ones when empty), with `context_lines` lines around
    /// each change.
    ///
    /// # Errors
    /// Names `context` when it is over [`CONTEXT_LINES_MAX`], and `files` when a path is absolute
    /// or climbs out of the workspace.
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

    /// With the whole file as context, however long it is.
    #[must_use]
    pub const fn whole_files(mut self) -> Self {
        self.full_file = true;
        self
    }

    /// The files; empty means all that changed.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.files
    }

    /// Lines of context around each change.
    #[must_use]
    pub const fn context_lines(&self) -> u32 {
        self.context_lines
    }

    /// Whether the whole file is wanted as context.
    #[must_use]
    pub const fn full_file(&self) -> bool {
        self.full_file
    }
}

/// One stretch of a diff.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Hunk {
    /// Its first line in the old file, from 1; 0 when the old side is empty.
    pub old_start: u64,
    /// How many lines it has in the old file.
    pub old_lines: u64,
    /// Its first line in the new file, from 1; 0 when the new side is empty.
    pub new_start: u64,
    /// How many lines it has in the new file.
    pub new_lines: u64,
    /// Its lines, each with ` `, `+`, `-` or `\` before it.
    pub content: String,
}

/// The diff of one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct FileDiff {
    /// Its path, relative to the workspace.
    pub path: String,
    /// The path it had, when it was renamed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// What happened to it.
    pub status: FileStatus,
    /// The unified diff as git prints it, header included; empty for a binary file.
    pub diff: String,
    /// Lines added.
    pub lines_added: u64,
    /// Lines removed.
    pub lines_removed: u64,
    /// Lines of context around each change.
    pub context_lines: u32,
    /// Whether the whole file was asked for as context.
    pub full_file: bool,
    /// Whether git takes it for binary.
    pub is_binary: bool,
    /// The stretches of the diff.
    pub hunks: Vec<Hunk>,
}

/// The diff of a session: what its workspace has now against the commit it began at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct SessionDiff {
    /// The files by path.
    pub files: Vec<FileDiff>,
    /// Lines added, over all of them.
    pub total_lines_added: u64,
    /// Lines removed, over all of them.
    pub total_lines_removed: u64,
}
