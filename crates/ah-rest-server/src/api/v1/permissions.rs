//! Permission requests of agents (contract §0.13).

use ah_rest_api_contract::{
    Page, PageParams, PageRequest, Permission, PermissionAnswer, PermissionId, SessionId,
};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use crate::api::ApiResult;
use crate::extract::{Access, Command, Id, Query};
use crate::idempotency::Idempotency;
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/permissions",
    params(("id" = SessionId, Path, description = "The session."), PageParams),
    responses((status = 200, description = "The requests, oldest first.", body = Page<Permission>))
)]
pub(crate) async fn list_permissions(
    Access(access): Access,
    uri: Uri,
    Id(id): Id<SessionId>,
    Query(asked): Query<PageRequest>,
) -> ApiResult {
    let permissions = access.list_permissions(id, asked).await?;
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
    responses((status = 200, description = "The answer was accepted.", body = Permission))
)]
pub(crate) async fn answer_permission(
    State(idempotency): State<Idempotency>,
    Id(id): Id<SessionId>,
    Id(request): Id<PermissionId>,
    command: Command<PermissionAnswer>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::OK, command, async |access, answer| {
            access.answer_permission(id, request, answer).await
        })
        .await
        .map(|outcome| outcome.into_response())
}
