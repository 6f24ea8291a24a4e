//! Prompts for the agents of sessions (contract §0.12).

use ah_rest_api_contract::{
    Page, PageParams, PageRequest, Prompt, PromptId, PromptReceipt, PromptRequest, SessionId,
};
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::IntoResponse as _;

use crate::api::ApiResult;
use crate::extract::{Access, Command, Id, Operator, Query};
use crate::idempotency::Idempotency;
use crate::page::paged;

#[utoipa::path(
    post,
    path = "/api/v1/sessions/{id}/prompt",
    params(("id" = SessionId, Path, description = "The session.")),
    request_body = PromptRequest,
    responses((status = 202, description = "The prompt was accepted.", body = PromptReceipt))
)]
pub(crate) async fn prompt_session(
    State(idempotency): State<Idempotency>,
    Id(id): Id<SessionId>,
    command: Command<PromptRequest>,
) -> ApiResult {
    idempotency
        .answer(StatusCode::ACCEPTED, command, async |access, request| {
            access.prompt_session(id, request).await
        })
        .await
        .map(|outcome| outcome.into_response())
}

#[utoipa::path(
    get,
    path = "/api/v1/sessions/{id}/prompts",
    params(("id" = SessionId, Path, description = "The session."), PageParams),
    responses((status = 200, description = "The prompts, oldest first.", body = Page<Prompt>))
)]
pub(crate) async fn list_prompts(
    Access(access): Access,
    uri: Uri,
    Id(id): Id<SessionId>,
    Query(asked): Query<PageRequest>,
) -> ApiResult {
    let prompts = access.list_prompts(id, asked).await?;
    Ok(paged(&uri, asked, prompts))
}

#[utoipa::path(
    delete,
    path = "/api/v1/sessions/{id}/prompts/{promptId}",
    params(
        ("id" = SessionId, Path, description = "The session."),
        ("promptId" = PromptId, Path, description = "The prompt.")
    ),
    responses((status = 204, description = "The prompt was withdrawn."))
)]
pub(crate) async fn withdraw_prompt(
    Access(access): Access,
    Id(id): Id<SessionId>,
    Id(prompt): Id<PromptId>,
    _: Operator,
) -> ApiResult {
    access.withdraw_prompt(id, prompt).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}
