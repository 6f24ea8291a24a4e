//! The files of a session's workspace, changed or not (contract §4.3).
//!
//! They are the files that git would add: what is ignored, the git folder, pipes, sockets and
//! devices are no part of them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::constructor::constructor;
use crate::word::words;
use crate::{CONTEXT_LINES_DEFAULT, CONTEXT_LINES_MAX, FieldErrors, FileStatus, InvalidId};

/// The maximum size of a path in bytes, the one of Linux.
pub const FILE_PATH_BYTES_MAX: usize = 4096;
/// The maximum number of bytes of a file in one response: 1 MiB.
pub const FILE_PART_BYTES_MAX: u32 = 1024 * 1024;
/// The maximum number of entries in one response with the files of a workspace.
pub const FILE_NODES_MAX: usize = 10_000;
/// The maximum number of nested folders in one response with the files of a workspace.
pub const FILE_NODES_DEPTH_MAX: usize = 48;

/// The path of a file relative to its workspace, such as `src/main.rs`.
///
/// It has no empty part, and no part `.` or `..`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(String);

impl FilePath {
    /// Returns the path as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for FilePath {
    type Err = InvalidId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let is_inside = |part: &str| !part.is_empty() && part != "." && part != "..";
        if text.len() <= FILE_PATH_BYTES_MAX
            && !text.contains('\0')
            && text.split('/').all(is_inside)
        {
            return Ok(Self(text.to_owned()));
        }
        let expected = "expected names separated by `/`, without `.` and `..`";
        Err(InvalidId::new(
            "the path of a file in a workspace",
            text,
            expected,
        ))
    }
}

/// The kind of a file.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
#[non_exhaustive]
pub enum FileKind {
    /// A file with content.
    File,
    /// A folder.
    Directory,
    /// A symbolic link. Its content is the path that it points to.
    Symlink,
    /// A commit of another repository. It has no content here.
    Submodule,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

/// The form of a file's content in a response.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, strum::IntoStaticStr, strum::VariantArray,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
#[strum(serialize_all = "kebab-case")]
#[non_exhaustive]
pub enum FileEncoding {
    /// Text.
    #[serde(rename = "utf-8")]
    #[strum(serialize = "utf-8")]
    Utf8,
    /// Bytes that are no text, in base64 (RFC 4648, section 4).
    Base64,
    /// A value that this version does not know.
    #[serde(skip_deserializing)]
    Unknown,
}

words!(open FileKind, FileEncoding);

/// A file of a workspace, with its change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FileDetails {
    /// The path, relative to the workspace.
    pub path: String,
    /// The kind of file.
    #[serde(rename = "type")]
    pub kind: FileKind,
    /// The mode in git's form, such as `100644` or `100755`; absent if the file was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<String>,
    /// The kind of change; absent if the session did not change the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<FileStatus>,
    /// The previous path of a renamed file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old_path: Option<String>,
    /// The number of lines added; 0 for a binary file.
    pub lines_added: u64,
    /// The number of lines removed; 0 for a binary file.
    pub lines_removed: u64,
    /// The form in which [`FileContent`] has the content; absent if the file was deleted or is no
    /// file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<FileEncoding>,
    /// The media type by the name of the file.
    pub mime_type: String,
    /// The size in bytes; absent if the file was deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
}

constructor! {
    /// Creates the details of an unchanged file, without size and mode.
    FileDetails::new(path: String, kind: FileKind, mime_type: String);
    optional mode: String;
    optional status: FileStatus;
    optional old_path: String;
    optional encoding: FileEncoding;
    optional size_bytes: u64;
    or lines_added: u64 = 0;
    or lines_removed: u64 = 0;
}

/// A part of a file's content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FileContent {
    /// The path, relative to the workspace.
    pub path: String,
    /// The content, in the form of `encoding`.
    pub content: String,
    /// The form of the content.
    pub encoding: FileEncoding,
    /// The first byte of this part, from 0.
    pub offset: u64,
    /// The first byte after this part, from which a client reads on; absent at the end of the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_offset: Option<u64>,
    /// The size of the whole file in bytes.
    pub size_bytes: u64,
    /// True if the session changed the file.
    pub is_modified: bool,
}

constructor! {
    /// Creates the whole content of an unchanged file, as text.
    FileContent::new(path: String, content: String, size_bytes: u64);
    optional next_offset: u64;
    or encoding: FileEncoding = FileEncoding::Utf8;
    or offset: u64 = 0;
    or is_modified: bool = false;
}

/// A file or folder of a workspace, with what is in the folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[non_exhaustive]
pub struct FileNode {
    /// The path, relative to the workspace; empty for the workspace itself.
    pub path: String,
    /// The kind of file.
    #[serde(rename = "type")]
    pub kind: FileKind,
    /// The size in bytes; absent for folders and submodules.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size_bytes: Option<u64>,
    /// True if the session changed the file, or a file in the folder.
    pub is_modified: bool,
    /// The entries of a folder, sorted by name; absent if they were not requested.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", schema(no_recursion))]
    pub children: Option<Vec<FileNode>>,
    /// True if entries are left out, because there are more than fit into one response. The path of
    /// a folder selects those in it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_truncated: bool,
}

constructor! {
    /// Creates an unchanged file, or a folder without entries.
    FileNode::new(path: String, kind: FileKind);
    optional size_bytes: u64;
    optional children: Vec<FileNode>;
    or is_modified: bool = false;
    or is_truncated: bool = false;
}

/// A query for a part of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ContentQuery {
    /// The first byte, from 0.
    pub offset: u64,
    bytes: u32,
}

impl Default for ContentQuery {
    /// Returns the query for the beginning of a file, up to [`FILE_PART_BYTES_MAX`].
    fn default() -> Self {
        Self {
            offset: 0,
            bytes: FILE_PART_BYTES_MAX,
        }
    }
}

impl ContentQuery {
    /// Creates a query for at most `bytes` bytes from `offset` on.
    ///
    /// # Errors
    /// Names `bytes` if it is 0 or exceeds [`FILE_PART_BYTES_MAX`].
    pub fn new(offset: u64, bytes: u32) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if !(1..=FILE_PART_BYTES_MAX).contains(&bytes) {
            errors.add("bytes", format!("must be from 1 to {FILE_PART_BYTES_MAX}"));
        }
        errors.into_result(Self { offset, bytes })
    }

    /// The maximum number of bytes.
    #[must_use]
    pub const fn bytes(&self) -> u32 {
        self.bytes
    }
}

/// A query for the files of a workspace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileNodeQuery {
    /// The folder to list; the workspace itself if absent.
    pub path: Option<FilePath>,
    /// Lists the folders in the folder as well, at all depths.
    pub recursive: bool,
    /// Lists only files that the session changed.
    pub modified_only: bool,
}

/// A query for the diff of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileDiffQuery {
    context_lines: u32,
    full_file: bool,
}

impl Default for FileDiffQuery {
    /// Returns the query with [`CONTEXT_LINES_DEFAULT`] lines around each change.
    fn default() -> Self {
        Self {
            context_lines: CONTEXT_LINES_DEFAULT,
            full_file: false,
        }
    }
}

impl FileDiffQuery {
    /// Creates a query with `context_lines` lines around each change.
    ///
    /// # Errors
    /// Names `context` if it exceeds [`CONTEXT_LINES_MAX`].
    pub fn new(context_lines: u32) -> Result<Self, FieldErrors> {
        let mut errors = FieldErrors::default();
        if context_lines > CONTEXT_LINES_MAX {
            errors.add("context", format!("must be at most {CONTEXT_LINES_MAX}"));
        }
        errors.into_result(Self {
            context_lines,
            full_file: false,
        })
    }

    /// Includes the whole file as context, regardless of its length.
    #[must_use]
    pub const fn whole_file(mut self) -> Self {
        self.full_file = true;
        self
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside_the_workspace() {
        for good in ["a", "a/b.txt", "..a/b..", "a b/ü", ".git/x", "-x"] {
            assert_eq!(good.parse::<FilePath>().unwrap().as_str(), good);
        }
        let long = "x/".repeat(2048) + "x";
        for bad in [
            "", "/a", "a/", "a//b", ".", "..", "a/../b", "a/./b", "a\0b", &long,
        ] {
            assert!(bad.parse::<FilePath>().is_err(), "{bad:?}");
        }
        assert!(!format!("{}", "..".parse::<FilePath>().unwrap_err()).contains(" id"));
    }
}
