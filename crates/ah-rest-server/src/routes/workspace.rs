//! What sessions changed (contract §4.3).

use ah_rest_api_contract::{
    DiffParams, DiffQuery, FileEntry, FileParams, FileQuery, Page, SessionDiff, SessionId,
    TaskManager as _,
};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse as _;

use super::Answered;
use crate::app::App;
use crate::extract::{Asked, Id};
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/files",
    params(("id" = SessionId, Path, description = "The session."), FileParams),
    responses((status = 200, description = "The changed files.", body = Page<FileEntry>))
)]
pub(crate) async fn list_session_files(
    State(app): State<App>,
    uri: Uri,
    Id(id): Id<SessionId>,
    Asked(query, ..): Asked<FileParams, FileQuery>,
) -> Answered {
    let page = query.page;
    let files = app.engine()?.list_session_files(id, query).await?;
    Ok(paged(&uri, page, files))
}

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/diff",
    params(("id" = SessionId, Path, description = "The session."), DiffParams),
    responses((status = 200, description = "The diff.", body = SessionDiff))
)]
pub(crate) async fn get_session_diff(
    State(app): State<App>,
    Id(id): Id<SessionId>,
    Asked(query, ..): Asked<DiffParams, DiffQuery>,
) -> Answered {
    Ok(Json(app.engine()?.get_session_diff(id, query).await?).into_response())
}
