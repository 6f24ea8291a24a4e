//! Which changed files, and which diff, are wanted.

use serde::{Deserialize, Serialize};

use super::reader::{Reader, joined};
use crate::{
    CONTEXT_LINES_DEFAULT, CONTEXT_LINES_MAX, DiffQuery, FieldErrors, FileEntry, FileStatus, Page,
    PageRequest,
};

/// The query of `GET /sessions/{id}/files`; it means a [`FileQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FileParams {
    /// Only files that this happened to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<Vec<FileStatus>>, style = Form, explode = false, min_items = 1))]
    pub status: Option<String>,
    /// Which page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PageNumber>, inline))]
    pub page: Option<String>,
    /// How many files a page holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 200))]
    pub per_page: Option<String>,
}

/// Which of the files that a session changed are wanted, by path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FileQuery {
    /// Only files that one of these happened to; all when empty.
    pub statuses: Vec<FileStatus>,
    /// Which page.
    pub page: PageRequest,
}

impl FileQuery {
    /// The page that is wanted of all the `files` that a session changed.
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
                "what happens to a file: `added`, `modified`, `deleted` or `renamed`",
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

/// The query of `GET /sessions/{id}/diff`; it means a [`DiffQuery`].
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiffParams {
    /// Only these files, by path within the workspace, with commas between them; all that changed
    /// when absent. A comma or backslash of a path is written with a backslash before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PathList>, inline))]
    pub files: Option<String>,
    /// Lines of context around each change.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 0, maximum = 10))]
    pub context: Option<String>,
    /// Whether the whole file is wanted as context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<bool>))]
    pub full: Option<String>,
}

impl TryFrom<DiffParams> for DiffQuery {
    type Error = FieldErrors;

    fn try_from(params: DiffParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let files = params.files.as_deref().map(split_paths).unwrap_or_default();
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
        let escaped = |path: &String| path.replace('\\', "\\\\").replace(',', "\\,");
        Self {
            files: joined(query.files().iter().map(escaped)),
            context: Some(query.context_lines().to_string()),
            full: query.full_file().then(|| true.to_string()),
        }
    }
}

/// The paths of a list with commas between them. A backslash takes the character after it as it
/// is, so that a path may have a comma.
fn split_paths(list: &str) -> Vec<String> {
    let mut paths = vec![String::new()];
    let mut characters = list.chars();
    while let Some(character) = characters.next() {
        let literal = match character {
            ',' => {
                paths.push(String::new());
                continue;
            }
            // A last backslash has nothing after it and is itself.
            '\\' => characters.next().unwrap_or('\\'),
            other => other,
        };
        if let Some(path) = paths.last_mut() {
            path.push(literal);
        }
    }
    paths
}
