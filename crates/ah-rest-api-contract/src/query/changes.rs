//! Queries for changed files and diffs.

use serde::{Deserialize, Serialize};

use super::reader::{Reader, escaped, joined, split};
use crate::{
    CONTEXT_LINES_DEFAULT, CONTEXT_LINES_MAX, DiffQuery, FieldErrors, FileEntry, FileStatus, Page,
    PageRequest,
};

/// The query parameters of `GET /sessions/{id}/files`; see [`FileQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileParams {
    /// Only files with one of these kinds of change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<Vec<FileStatus>>, style = Form, explode = false, min_items = 1))]
    pub status: Option<String>,
    /// The page number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PageNumber>, inline))]
    pub page: Option<String>,
    /// The number of files per page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 200))]
    pub per_page: Option<String>,
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

impl TryFrom<FileParams> for FileQuery {
    type Error = FieldErrors;

    fn try_from(params: FileParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let query = Self {
            statuses: reader.list(
                "status",
                params.status.as_deref(),
                "a kind of change: `added`, `modified`, `deleted` or `renamed`",
                FileStatus::from_word,
            ),
            page: reader.page(params.page.as_deref(), params.per_page.as_deref()),
        };
        reader.finish(query)
    }
}

impl From<FileQuery> for FileParams {
    fn from(query: FileQuery) -> Self {
        Self {
            status: joined(query.statuses.into_iter().map(FileStatus::as_str)),
            page: Some(query.page.page().to_string()),
            per_page: Some(query.page.per_page().to_string()),
        }
    }
}

/// The query parameters of `GET /sessions/{id}/diff`; see [`DiffQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiffParams {
    /// Only these files, by comma-separated paths within the workspace; all changed files if
    /// absent. Escape a comma or backslash in a path with a backslash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PathList>, inline))]
    pub files: Option<String>,
    /// The number of context lines around each change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 0, maximum = 10))]
    pub context: Option<String>,
    /// Includes the whole file as context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<bool>))]
    pub full: Option<String>,
}

impl TryFrom<DiffParams> for DiffQuery {
    type Error = FieldErrors;

    fn try_from(params: DiffParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let files = params.files.as_deref().map(split).unwrap_or_default();
        let context = reader
            .number("context", params.context.as_deref(), 0..=CONTEXT_LINES_MAX)
            .unwrap_or(CONTEXT_LINES_DEFAULT);
        let whole_files = reader.flag("full", params.full.as_deref());
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
            full: query.full_file().then(|| true.to_string()),
        }
    }
}
