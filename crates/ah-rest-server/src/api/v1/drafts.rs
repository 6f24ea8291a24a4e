//! Drafts (contract §4.9).

use ah_rest_api_contract::{
    Draft, DraftContent, DraftId, DraftUpdate, Page, PageParams, PageRequest, operations::paths,
};
use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use crate::api::ApiResult;
use crate::extract::{Access, Command, Id, Operator, Query};
use crate::idempotency::Idempotency;
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
pub(crate) async fn create_draft(
    State(idempotency): State<Idempotency>,
    command: Command<DraftContent>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::CREATED, command, async |access, content| {
            access
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
    Access(access): Access,
    uri: Uri,
    Query(asked): Query<PageRequest>,
) -> ApiResult {
    Ok(paged(&uri, asked, access.list_drafts(asked).await?))
}

#[utoipa::path(
    get,
    path = "/api/v1/drafts/{id}",
    params(("id" = DraftId, Path, description = "The draft.")),
    responses((status = 200, description = "The draft.", body = Draft))
)]
pub(crate) async fn get_draft(Access(access): Access, Id(id): Id<DraftId>) -> ApiResult {
    Ok(Json(access.get_draft(id).await?).into_response())
}

#[utoipa::path(
    put,
    path = "/api/v1/drafts/{id}",
    params(("id" = DraftId, Path, description = "The draft.")),
    request_body = DraftContent,
    responses((status = 200, description = "The draft as it is now.", body = Draft))
)]
pub(crate) async fn update_draft(
    State(idempotency): State<Idempotency>,
    Id(id): Id<DraftId>,
    command: Command<DraftContent>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::OK, command, async |access, content| {
            let id = Some(id);
            access.save_draft_task(DraftUpdate { id, content }).await
        })
        .await
        .map(|outcome| outcome.into_response())
}

#[utoipa::path(
    delete,
    path = "/api/v1/drafts/{id}",
    params(("id" = DraftId, Path, description = "The draft.")),
    responses((status = 204, description = "The draft was deleted."))
)]
pub(crate) async fn delete_draft(
    Access(access): Access,
    Id(id): Id<DraftId>,
    _: Operator,
) -> ApiResult {
    access.delete_draft_task(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
