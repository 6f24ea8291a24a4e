//! The changes of drafts (contract §4.9).

use ah_rest_api_contract::operations::{self, paths};
use ah_rest_api_contract::{Draft, DraftContent, DraftId, DraftUpdate};
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use crate::extract::{Access, CommandRequest, Id, Operator};
use crate::idempotency::Idempotency;
use crate::problem::ApiResult;

pub(crate) async fn create_draft(
    State(idempotency): State<Idempotency>,
    command: CommandRequest<DraftContent>,
) -> ApiResult {
    idempotency
        .answer(
            &operations::CREATE_DRAFT,
            command,
            async |access, content| {
                access
                    .save_draft_task(DraftUpdate { id: None, content })
                    .await
            },
        )
        .await?
        .located(|draft: &Draft| paths::get_draft(draft.id))
}

pub(crate) async fn update_draft(
    State(idempotency): State<Idempotency>,
    Id(id): Id<DraftId>,
    command: CommandRequest<DraftContent>,
) -> ApiResult {
    idempotency
        .answer(
            &operations::UPDATE_DRAFT,
            command,
            async |access, content| {
                let id = Some(id);
                access.save_draft_task(DraftUpdate { id, content }).await
            },
        )
        .await
        .map(|outcome| outcome.into_response())
}

pub(crate) async fn delete_draft(
    Access(access): Access,
    Id(id): Id<DraftId>,
    _: Operator,
) -> ApiResult {
    access.delete_draft_task(id).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
