//! Queries for changed files and diffs.

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
    /// The page to return.
    pub page: PageRequest,
}

impl FileQuery {
    /// Returns the requested page of all changed `files` of a session.
    #[must_use]
    pub fn select(&self, files: Vec<FileEntry>) -> Page<FileEntry> {
        let wanted =
            |file: &FileEntry| self.statuses.is_empty() || self.statuses.contains(&file.status);
        Page::of_whole(files.into_iter().filter(wanted).collect(), self.page)
    }
}

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
