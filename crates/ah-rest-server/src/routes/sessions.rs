//! Sessions, and what ends and holds them (contract §4.2).

use ah_rest_api_contract::{
    Page, ResumeRequest, Session, SessionId, SessionParams, SessionQuery, StopRequest,
    TaskManager as _,
};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use super::Answered;
use crate::app::App;
use crate::extract::{Asked, Call, Id, Nothing, Writer};
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/sessions",
    params(SessionParams),
    responses((status = 200, description = "A page of sessions.", body = Page<Session>))
)]
pub(crate) async fn list_sessions(
    State(app): State<App>,
    uri: Uri,
    Asked(query, ..): Asked<SessionParams, SessionQuery>,
) -> Answered {
    let asked = query.page;
    Ok(paged(
        &uri,
        asked,
        app.engine()?.list_sessions(query).await?,
    ))
}

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}",
    params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 200, description = "The session.", body = Session))
)]
pub(crate) async fn get_session(State(app): State<App>, Id(id): Id<SessionId>) -> Answered {
    Ok(Json(app.engine()?.get_session(id).await?).into_response())
}

#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}",
    params(("id" = SessionId, Path, description = "The session.")),
    responses((status = 204, description = "No process of the session is left."))
)]
pub(crate) async fn cancel_session(
    State(app): State<App>,
    Id(id): Id<SessionId>,
    Writer(principal): Writer,
) -> Answered {
    app.manager(&principal)?.cancel_session(id).await?;
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
    State(app): State<App>,
    Id(id): Id<SessionId>,
    call: Call<StopRequest>,
) -> Answered {
    app.answer(StatusCode::ACCEPTED, call, async |manager, request| {
        manager.stop_session(id, request.validated()?.reason).await
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
    State(app): State<App>,
    Id(id): Id<SessionId>,
    call: Call<Nothing>,
) -> Answered {
    app.answer(StatusCode::ACCEPTED, call, async |manager, _| {
        manager.interrupt_session(id).await
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
    State(app): State<App>,
    Id(id): Id<SessionId>,
    call: Call<Nothing>,
) -> Answered {
    app.answer(StatusCode::ACCEPTED, call, async |manager, _| {
        manager.pause_session(id).await
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
    State(app): State<App>,
    Id(id): Id<SessionId>,
    call: Call<ResumeRequest>,
) -> Answered {
    app.answer(StatusCode::ACCEPTED, call, async |manager, request| {
        manager
            .resume_session(id, request.validated()?.prompt)
            .await
    })
    .await
    .map(|outcome| outcome.into_response())
}
