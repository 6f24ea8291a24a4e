//! Changes in the workspaces of sessions (contract §4.3).

use ah_rest_api_contract::{
    DiffParams, DiffQuery, FileEntry, FileParams, FileQuery, Page, SessionDiff, SessionId,
};
use axum::Json;
use axum::http::Uri;
use axum::response::IntoResponse as _;

use crate::api::ApiResult;
use crate::extract::{Access, Id, Query};
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/files",
    params(("id" = SessionId, Path, description = "The session."), FileParams),
    responses((status = 200, description = "The changed files.", body = Page<FileEntry>))
)]
pub(crate) async fn list_session_files(
    Access(access): Access,
    uri: Uri,
    Id(id): Id<SessionId>,
    Query(query): Query<FileQuery>,
) -> ApiResult {
    let page = query.page;
    let files = access.list_session_files(id, query).await?;
    Ok(paged(&uri, page, files))
}

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/diff",
    params(("id" = SessionId, Path, description = "The session."), DiffParams),
    responses((status = 200, description = "The diff.", body = SessionDiff))
)]
pub(crate) async fn get_session_diff(
    Access(access): Access,
    Id(id): Id<SessionId>,
    Query(query): Query<DiffQuery>,
) -> ApiResult {
    Ok(Json(access.get_session_diff(id, query).await?).into_response())
}
