//! Sessions and their lists, whose JSON the access point shares between requests.

use ah_rest_api_contract::{SessionId, SessionQuery};
use axum::http::Uri;

use crate::api::ApiResult;
use crate::extract::{Access, Id, Query};
use crate::page::{encoded, encoded_page};

pub(crate) async fn list_sessions(
    Access(access): Access,
    uri: Uri,
    Query(query): Query<SessionQuery>,
) -> ApiResult {
    let page = query.page;
    Ok(encoded_page(
        &uri,
        page,
        access.encoded_sessions(query).await?,
    ))
}

pub(crate) async fn get_session(Access(access): Access, Id(id): Id<SessionId>) -> ApiResult {
    Ok(encoded(access.encoded_session(id).await?))
}
