//! Queries for changed files and diffs.

use std::fmt;

use super::params::{list_query, params};
use super::reader::{Parameter as _, Reader, escaped, joined, split};
use crate::{
    CONTEXT_LINES_DEFAULT, CONTEXT_LINES_MAX, DiffQuery, FieldErrors, FileEntry, FileStatus, Page,
    PageRequest,
};

list_query! {
    /// The query parameters of `GET /sessions/{id}/files`; see [`FileQuery`].
    FileParams for FileQuery {
        /// Only files with one of these kinds of change.
        status list "status" for statuses: (Option<Vec<FileStatus>>, style = Form, explode = false, min_items = 1);
        /// Only files whose path matches this pattern: `*` and `?` match within a folder, `**` across
        /// folders, as in `src/**/*.rs`.
        path for path: (Option<PathPattern>, inline);
    }
    /// The page number, from 1.
    page;
    /// The number of files per page.
    per_page;
}

/// A query for the changed files of a session, sorted by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileQuery {
    /// Only files with one of these kinds of change; all if empty.
    pub statuses: Vec<FileStatus>,
    /// Only files with such a path; all if absent.
    pub path: Option<PathPattern>,
    /// The page to return.
    pub page: PageRequest,
}

impl FileQuery {
    /// Returns the requested page of all changed `files` of a session.
    #[must_use]
    pub fn select(&self, files: Vec<FileEntry>) -> Page<FileEntry> {
        let path = self.path.as_ref().and_then(PathPattern::matcher);
        let wanted = |file: &FileEntry| {
            (self.statuses.is_empty() || self.statuses.contains(&file.status))
                && path.as_ref().is_none_or(|path| path.is_match(&file.path))
        };
        Page::of_whole(files.into_iter().filter(wanted).collect(), self.page)
    }
}

/// A pattern for paths within a workspace: `*` and `?` match within a folder, `**` across folders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathPattern(String);

impl PathPattern {
    /// The maximum length of a pattern, in bytes.
    pub const BYTES_MAX: usize = 1024;

    /// Parses a pattern.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let pattern = Self(text.to_owned());
        let fits = !text.is_empty() && text.len() <= Self::BYTES_MAX;
        (fits && pattern.matcher().is_some()).then_some(pattern)
    }

    fn matcher(&self) -> Option<globset::GlobMatcher> {
        let glob = globset::GlobBuilder::new(&self.0)
            .literal_separator(true)
            .backslash_escape(true)
            .build();
        glob.ok().map(|glob| glob.compile_matcher())
    }
}

impl fmt::Display for PathPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The schema of a pattern in a query.
#[cfg(feature = "openapi")]
impl utoipa::PartialSchema for PathPattern {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::Type::String)
            .min_length(Some(1))
            .max_length(Some(Self::BYTES_MAX))
            .into()
    }
}

#[cfg(feature = "openapi")]
impl utoipa::ToSchema for PathPattern {}

params! {
    /// The query parameters of `GET /sessions/{id}/diff`; see [`DiffQuery`].
    DiffParams {
        /// Only these files, by comma-separated paths within the workspace; all changed files if
        /// absent. Escape a comma or backslash in a path with a backslash.
        files list "files": (Option<crate::openapi::PathList>, inline);
        /// The number of context lines around each change.
        context: (Option<u32>, minimum = 0, maximum = 10);
        /// Includes the whole file as context.
        full: (Option<bool>);
    }
}

impl DiffQuery {
    /// Returns the address of the diff of one file, below the address `diff` of the whole diff of its
    /// session.
    #[must_use]
    pub fn address_of_file(diff: &str, path: &str) -> String {
        let path = escaped(path);
        let path = percent_encoding::utf8_percent_encode(&path, percent_encoding::NON_ALPHANUMERIC);
        format!("{diff}?files={path}")
    }
}

impl TryFrom<DiffParams> for DiffQuery {
    type Error = FieldErrors;

    fn try_from(params: DiffParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let files = params.files.as_deref().map(split).unwrap_or_default();
        let context = reader
            .number("context", &params.context, 0..=CONTEXT_LINES_MAX)
            .unwrap_or(CONTEXT_LINES_DEFAULT);
        let whole_files: bool = reader.get("full", &params.full);
        let judged = Self::new(files, context);
        let query = reader.accept(judged).unwrap_or_default();
        reader.finish(if whole_files {
            query.whole_files()
        } else {
            query
        })
    }
}

impl From<DiffQuery> for DiffParams {
    fn from(query: DiffQuery) -> Self {
        Self {
            files: joined(query.files().iter().map(|path| escaped(path))),
            context: Some(query.context_lines().to_string()),
            full: query.full_file().write(),
        }
    }
}
