//! The diff of a session's workspace (contract §4.3).

use ah_rest_api_contract::{DiffQuery, SessionId};
use axum::Json;
use axum::response::IntoResponse as _;

use crate::extract::{Access, Id, Query};
use crate::problem::ApiResult;

pub(crate) async fn get_session_diff(
    Access(access): Access,
    Id(id): Id<SessionId>,
    Query(query): Query<DiffQuery>,
) -> ApiResult {
    Ok(Json(access.get_session_diff(id, query).await?).into_response())
}
