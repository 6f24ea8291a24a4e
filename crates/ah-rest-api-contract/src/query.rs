//! Query parameters of lists: the wire form and its parsing.
//!
//! A `…Params` type is the wire form, shared by servers and clients: unparsed texts with known
//! names. Converting it into its query (`SessionParams` into [`crate::SessionQuery`]) validates it
//! and names every invalid field.

mod changes;
mod events;
mod logs;
mod reader;
mod sessions;

use serde::{Deserialize, Serialize};

pub use changes::{DiffParams, FileParams, FileQuery};
pub use events::{
    AllEventsParams, AllEventsQuery, EventParams, STREAM_SESSIONS_MAX, StreamQuery, check_cursor,
    check_log_cursor,
};
pub use logs::{LogItem, LogParams, LogQuery};
pub use sessions::SessionParams;

use crate::{FieldErrors, PageRequest};
use reader::Reader;

/// The query parameters of lists that have only pagination.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PageParams {
    /// The page number, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PageNumber>, inline))]
    pub page: Option<String>,
    /// The number of items per page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<u32>, minimum = 1, maximum = 200))]
    pub per_page: Option<String>,
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
        let page = reader.page(params.page.as_deref(), params.per_page.as_deref());
        reader.finish(page)
    }
}
