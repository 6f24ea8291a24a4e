//! What agents ask leave for (contract §0.13).

use ah_rest_api_contract::{
    Page, PageParams, PageRequest, Permission, PermissionAnswer, PermissionId, SessionId,
    TaskManager as _,
};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use super::Answered;
use crate::app::App;
use crate::extract::{Asked, Call, Id};
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/permissions",
    params(("id" = SessionId, Path, description = "The session."), PageParams),
    responses((status = 200, description = "The requests, oldest first.", body = Page<Permission>))
)]
pub(crate) async fn list_permissions(
    State(app): State<App>,
    uri: Uri,
    Id(id): Id<SessionId>,
    Asked(asked, ..): Asked<PageParams, PageRequest>,
) -> Answered {
    let permissions = app.engine()?.list_permissions(id, asked).await?;
    Ok(paged(&uri, asked, permissions))
}

#[utoipa::path(
    post,
    path = "/api/v1/sessions/{id}/permissions/{requestId}",
    params(
        ("id" = SessionId, Path, description = "The session."),
        ("requestId" = PermissionId, Path, description = "The request.")
    ),
    request_body = PermissionAnswer,
    responses((status = 200, description = "The answer was taken.", body = Permission))
)]
pub(crate) async fn answer_permission(
    State(app): State<App>,
    Id(id): Id<SessionId>,
    Id(request): Id<PermissionId>,
    call: Call<PermissionAnswer>,
) -> Answered {
    app.answer(StatusCode::OK, call, async |manager, answer| {
        manager.answer_permission(id, request, answer).await
    })
    .await
    .map(|outcome| outcome.into_response())
}
