//! The files and the diff of a session's workspace (contract §4.3).

use ah_rest_api_contract::{
    ContentQuery, DiffQuery, FileDiffQuery, FileNodeQuery, FilePath, SessionId,
};
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

pub(crate) async fn read_session_file(
    Access(access): Access,
    Id(id): Id<SessionId>,
    Id(path): Id<FilePath>,
    Query(query): Query<ContentQuery>,
) -> ApiResult {
    Ok(Json(access.read_session_file(id, path, query).await?).into_response())
}

pub(crate) async fn list_workspace_files(
    Access(access): Access,
    Id(id): Id<SessionId>,
    Query(query): Query<FileNodeQuery>,
) -> ApiResult {
    Ok(Json(access.list_workspace_files(id, query).await?).into_response())
}

pub(crate) async fn get_file_diff(
    Access(access): Access,
    Id(id): Id<SessionId>,
    Id(path): Id<FilePath>,
    Query(query): Query<FileDiffQuery>,
) -> ApiResult {
    Ok(Json(access.get_file_diff(id, path, query).await?).into_response())
}
