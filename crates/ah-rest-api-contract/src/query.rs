//! What lists are asked for in a URL's query: the fields as they are written, and their reading.
//!
//! A `…Params` is the query as a server's framework reads it and a client's writes it: texts, of
//! which only the names are known to be right. It is judged by turning it into the query it means
//! (`SessionParams` into [`crate::SessionQuery`]), which names every field at fault.

mod changes;
mod events;
mod logs;
mod reader;
mod sessions;

use serde::{Deserialize, Serialize};

pub use changes::{DiffParams, FileParams, FileQuery};
pub use events::{AllEventsParams, AllEventsQuery, EventParams, STREAM_SESSIONS_MAX, StreamQuery};
pub use logs::{LogItem, LogParams, LogQuery};
pub use sessions::SessionParams;

use crate::{FieldErrors, PageRequest};
use reader::Reader;

/// Which page of a list is wanted, for lists that are asked nothing else.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::IntoParams), into_params(parameter_in = Query))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PageParams {
    /// Which page, from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "openapi", param(value_type = Option<crate::openapi::PageNumber>, inline))]
    pub page: Option<String>,
    /// How many items a page holds.
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
