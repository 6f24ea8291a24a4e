//! Sessions, and the commands that pause, resume and end them (contract §4.2).

use ah_rest_api_contract::{
    Page, ResumeRequest, Session, SessionId, SessionInfo, SessionParams, SessionQuery, StopRequest,
};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use crate::api::ApiResult;
use crate::extract::{Access, Command, EmptyBody, Id, Operator, Query};
use crate::idempotency::Idempotency;
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    params(SessionParams),
    responses((status = 200, description = "A page of sessions.", body = Page<Session>))
)]
pub(crate) async fn list_sessions(
    Access(access): Access,
    uri: Uri,
    Query(query): Query<SessionQuery>,
) -> ApiResult {
    let asked = query.page;
    Ok(paged(&uri, asked, access.list_sessions(query).await?))
}

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}",
    params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 200, description = "The session.", body = Session))
)]
pub(crate) async fn get_session(Access(access): Access, Id(id): Id<SessionId>) -> ApiResult {
    Ok(Json(access.get_session(id).await?).into_response())
}

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/info",
    params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 200, description = "The hosts and addresses.", body = SessionInfo))
)]
pub(crate) async fn get_session_info(Access(access): Access, Id(id): Id<SessionId>) -> ApiResult {
    Ok(Json(access.get_session_info(id).await?).into_response())
}

#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 204, description = "No process of the session is left."))
)]
pub(crate) async fn cancel_session(
    Access(access): Access,
    Id(id): Id<SessionId>,
    _: Operator,
) -> ApiResult {
    access.cancel_session(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[utoipa::path(
    post,
    path = "/api/v1/sessions/{id}/stop",
    params(("id" = SessionId, Path, description = "The session.")),
    request_body(content = Option<StopRequest>, description = "May be absent, or `null`."),
    responses((status = 202, description = "The session is stopping.", body = Session))
)]
pub(crate) async fn stop_session(
    State(idempotency): State<Idempotency>,
    Id(id): Id<SessionId>,
    command: Command<StopRequest>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::ACCEPTED, command, async |access, request| {
            access.stop_session(id, request.validated()?.reason).await
        })
        .await
        .map(|outcome| outcome.into_response())
}

#[utoipa::path(
    post,
    path = "/api/v1/sessions/{id}/interrupt",
    params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 202, description = "The turn is ending.", body = Session))
)]
pub(crate) async fn interrupt_session(
    State(idempotency): State<Idempotency>,
    Id(id): Id<SessionId>,
    command: Command<EmptyBody>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::ACCEPTED, command, async |access, _| {
            access.interrupt_session(id).await
        })
        .await
        .map(|outcome| outcome.into_response())
}

#[utoipa::path(
    post,
    path = "/api/v1/sessions/{id}/pause",
    params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 202, description = "The session is pausing.", body = Session))
)]
pub(crate) async fn pause_session(
    State(idempotency): State<Idempotency>,
    Id(id): Id<SessionId>,
    command: Command<EmptyBody>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::ACCEPTED, command, async |access, _| {
            access.pause_session(id).await
        })
        .await
        .map(|outcome| outcome.into_response())
}

#[utoipa::path(
    post,
    path = "/api/v1/sessions/{id}/resume",
    params(("id" = SessionId, Path, description = "The session.")),
    request_body(content = Option<ResumeRequest>, description = "May be absent, or `null`."),
    responses((status = 202, description = "The session is resuming.", body = Session))
)]
pub(crate) async fn resume_session(
    State(idempotency): State<Idempotency>,
    Id(id): Id<SessionId>,
    command: Command<ResumeRequest>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::ACCEPTED, command, async |access, request| {
            access.resume_session(id, request.validated()?.prompt).await
        })
        .await
        .map(|outcome| outcome.into_response())
}
