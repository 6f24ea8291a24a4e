//! Query parameters of lists: the wire form and its parsing.
//!
//! A `…Params` type is the wire form, shared by servers and clients: unparsed texts with known
//! names. Converting it into its query (`SessionParams` into [`crate::SessionQuery`]) validates it
//! and names every invalid field.

mod changes;
mod events;
mod files;
mod logs;
mod params;
mod reader;
mod sessions;
mod workspaces;

pub use changes::{DiffParams, FileParams, FileQuery, PathPattern};
pub use events::{
    AllEventsParams, AllEventsQuery, EventParams, STREAM_SESSIONS_MAX, StreamParams, StreamQuery,
    check_cursor, check_log_cursor,
};
pub use files::{ContentParams, FileDiffParams, FileNodeParams};
pub use logs::{LogItem, LogParams, LogQuery};
pub use sessions::SessionParams;
pub use workspaces::{RepositoryParams, WorkspaceParams};

use crate::{FieldErrors, PageRequest};
use params::params;
use reader::Reader;

params! {
    /// The query parameters of lists that have only pagination.
    PageParams {
        /// The page number, from 1.
        page: (Option<crate::openapi::PageNumber>, inline);
        /// The number of items per page.
        per_page: (Option<u32>, minimum = 1, maximum = 200);
    }
}

impl From<PageRequest> for PageParams {
    fn from(request: PageRequest) -> Self {
        Self {
            page: Some(request.page().to_string()),
            per_page: Some(request.per_page().to_string()),
        }
    }
}

impl TryFrom<PageParams> for PageRequest {
    type Error = FieldErrors;

    fn try_from(params: PageParams) -> Result<Self, FieldErrors> {
        let mut reader = Reader::default();
        let page = reader.page(&params.page, &params.per_page);
        reader.finish(page)
    }
}
