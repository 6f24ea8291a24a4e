//! Queries for the files of a workspace.

use super::params::params;
use super::reader::{Parameter as _, Reader};
use crate::{
    CONTEXT_LINES_DEFAULT, CONTEXT_LINES_MAX, ContentQuery, FILE_PART_BYTES_MAX, FieldErrors,
    FileDiffQuery, FileNodeQuery,
};

params! {
    /// The query parameters of `GET /sessions/{id}/files/{path}/content`; see [`ContentQuery`].
    ContentParams {
        /// The first byte, from 0.
        offset: (Option<u64>);
        /// The maximum number of bytes.
        bytes: (Option<u32>, minimum = 1, maximum = 1_048_576);
    }
}

impl TryFrom<ContentParams> for ContentQuery {
    type Error = FieldErrors;

    fn try_from(params: ContentParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let number = |text: &str| {
            let digits = text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        let offset = params.offset.as_deref();
        let offset = reader.value("offset", offset, "a whole number from 0", number);
        let bytes = reader.number("bytes", &params.bytes, 1..=FILE_PART_BYTES_MAX);
        let judged = Self::new(
            offset.unwrap_or_default(),
            bytes.unwrap_or(FILE_PART_BYTES_MAX),
        );
        let query = reader.accept(judged).unwrap_or_default();
        reader.finish(query)
    }
}

impl From<ContentQuery> for ContentParams {
    fn from(query: ContentQuery) -> Self {
        Self {
            offset: Some(query.offset.to_string()),
            bytes: Some(query.bytes().to_string()),
        }
    }
}

params! {
    /// The query parameters of `GET /sessions/{id}/workspace/files`; see [`FileNodeQuery`].
    FileNodeParams {
        /// The folder to list; the workspace itself if absent.
        path: (Option<String>);
        /// Lists the folders in the folder as well, at all depths.
        recursive: (Option<bool>);
        /// Lists only files that the session changed.
        modified_only: (Option<bool>);
    }
}

impl TryFrom<FileNodeParams> for FileNodeQuery {
    type Error = FieldErrors;

    fn try_from(params: FileNodeParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let must_be = "a path inside the workspace, without `.` and `..`";
        let query = Self {
            // An empty path is that of the workspace itself in responses.
            path: reader.value(
                "path",
                params.path.as_deref().filter(|path| !path.is_empty()),
                must_be,
                |text| text.parse().ok(),
            ),
            recursive: reader.get("recursive", &params.recursive),
            modified_only: reader.get("modifiedOnly", &params.modified_only),
        };
        reader.finish(query)
    }
}

impl From<FileNodeQuery> for FileNodeParams {
    fn from(query: FileNodeQuery) -> Self {
        Self {
            path: query.path.map(|path| path.to_string()),
            recursive: query.recursive.write(),
            modified_only: query.modified_only.write(),
        }
    }
}

params! {
    /// The query parameters of `GET /sessions/{id}/diff/{path}`; see [`FileDiffQuery`].
    FileDiffParams {
        /// The number of context lines around each change.
        context: (Option<u32>, minimum = 0, maximum = 10);
        /// Includes the whole file as context.
        full: (Option<bool>);
    }
}

impl TryFrom<FileDiffParams> for FileDiffQuery {
    type Error = FieldErrors;

    fn try_from(params: FileDiffParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let context = reader
            .number("context", &params.context, 0..=CONTEXT_LINES_MAX)
            .unwrap_or(CONTEXT_LINES_DEFAULT);
        let whole_file: bool = reader.get("full", &params.full);
        let judged = Self::new(context);
        let query = reader.accept(judged).unwrap_or_default();
        reader.finish(if whole_file {
            query.whole_file()
        } else {
            query
        })
    }
}

impl From<FileDiffQuery> for FileDiffParams {
    fn from(query: FileDiffQuery) -> Self {
        Self {
            context: Some(query.context_lines().to_string()),
            full: query.full_file().write(),
        }
    }
}
