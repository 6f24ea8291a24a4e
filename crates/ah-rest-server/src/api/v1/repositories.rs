//! Repositories and their branches (contract §4.8).

use ah_rest_api_contract::{BranchList, Page, PageParams, PageRequest, Repository, RepositoryId};
use axum::Json;
use axum::http::Uri;
use axum::response::IntoResponse as _;

use crate::api::ApiResult;
use crate::extract::{Access, Id, Query};
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/repositories",
    params(PageParams),
    responses((status = 200, description = "A page of repositories.", body = Page<Repository>))
)]
pub(crate) async fn list_repositories(
    Access(access): Access,
    uri: Uri,
    Query(asked): Query<PageRequest>,
) -> ApiResult {
    let repositories = access.list_repositories(asked).await?;
    Ok(paged(&uri, asked, repositories))
}

#[utoipa::path(
    get,
    path = "/api/v1/repos",
    params(PageParams),
    responses((status = 200, description = "A page of repositories.", body = Page<Repository>))
)]
pub(crate) async fn list_repos(access: Access, uri: Uri, asked: Query<PageRequest>) -> ApiResult {
    list_repositories(access, uri, asked).await
}

#[utoipa::path(
    get,
    path = "/api/v1/repositories/{id}",
    params(("id" = RepositoryId, Path, description = "The repository.")),
    responses((status = 200, description = "The repository.", body = Repository))
)]
pub(crate) async fn get_repository(Access(access): Access, Id(id): Id<RepositoryId>) -> ApiResult {
    Ok(Json(access.get_repository(id).await?).into_response())
}

#[utoipa::path(
    get,
    path = "/api/v1/repositories/{id}/branches",
    params(("id" = RepositoryId, Path, description = "The repository.")),
    responses((status = 200, description = "The branches.", body = BranchList))
)]
pub(crate) async fn list_branches(Access(access): Access, Id(id): Id<RepositoryId>) -> ApiResult {
    Ok(Json(access.list_branches(id).await?).into_response())
}
