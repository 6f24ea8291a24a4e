//! Drafts (contract §4.9).

use ah_rest_api_contract::{
    Draft, DraftContent, DraftId, DraftUpdate, Page, PageParams, PageRequest, TaskManager as _,
    operations::paths,
};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use super::Answered;
use crate::app::App;
use crate::extract::{Asked, Call, Id, Writer};
use crate::page::paged;

#[utoipa::path(
    post,
    path = "/api/v1/drafts",
    request_body = DraftContent,
    responses((
        status = 201,
        description = "The draft was saved.",
        body = Draft,
        headers(("Location" = String, description = "The draft."))
    ))
)]
pub(crate) async fn create_draft(State(app): State<App>, call: Call<DraftContent>) -> Answered {
    app.answer(StatusCode::CREATED, call, async |manager, content| {
        manager
            .save_draft_task(DraftUpdate { id: None, content })
            .await
    })
    .await?
    .located(|draft: &Draft| paths::get_draft(draft.id))
}

#[utoipa::path(
    get,
    path = "/api/v1/drafts",
    params(PageParams),
    responses((status = 200, description = "A page of drafts.", body = Page<Draft>))
)]
pub(crate) async fn list_drafts(
    State(app): State<App>,
    uri: Uri,
    Asked(asked, ..): Asked<PageParams, PageRequest>,
) -> Answered {
    Ok(paged(&uri, asked, app.engine()?.list_drafts(asked).await?))
}

#[utoipa::path(
    get,
    path = "/api/v1/drafts/{id}",
    params(("id" = DraftId, Path, description = "The draft.")),
    responses((status = 200, description = "The draft.", body = Draft))
)]
pub(crate) async fn get_draft(State(app): State<App>, Id(id): Id<DraftId>) -> Answered {
    Ok(Json(app.engine()?.get_draft(id).await?).into_response())
}

#[utoipa::path(
    put,
    path = "/api/v1/drafts/{id}",
    params(("id" = DraftId, Path, description = "The draft.")),
    request_body = DraftContent,
    responses((status = 200, description = "The draft as it is now.", body = Draft))
)]
pub(crate) async fn update_draft(
    State(app): State<App>,
    Id(id): Id<DraftId>,
    call: Call<DraftContent>,
) -> Answered {
    app.answer(StatusCode::OK, call, async |manager, content| {
        let id = Some(id);
        manager.save_draft_task(DraftUpdate { id, content }).await
    })
    .await
    .map(|outcome| outcome.into_response())
}

#[utoipa::path(
    delete,
    path = "/api/v1/drafts/{id}",
    params(("id" = DraftId, Path, description = "The draft.")),
    responses((status = 204, description = "The draft is gone."))
)]
pub(crate) async fn delete_draft(
    State(app): State<App>,
    Id(id): Id<DraftId>,
    Writer(principal): Writer,
) -> Answered {
    app.manager(&principal)?.delete_draft_task(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
