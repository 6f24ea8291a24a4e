//! Repositories and their branches (contract §4.8).

use ah_rest_api_contract::{
    BranchList, Page, PageParams, PageRequest, Repository, RepositoryId, TaskManager as _,
};
use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::IntoResponse as _;

use super::Answered;
use crate::app::App;
use crate::extract::{Asked, Id};
use crate::page::paged;

#[utoipa::path(
    get,
    path = "/api/v1/repositories",
    params(PageParams),
    responses((status = 200, description = "A page of repositories.", body = Page<Repository>))
)]
pub(crate) async fn list_repositories(
    State(app): State<App>,
    uri: Uri,
    Asked(asked, ..): Asked<PageParams, PageRequest>,
) -> Answered {
    app.engine()?;
    Ok(paged(
        &uri,
        asked,
        app.store().list_repositories(asked).await?,
    ))
}

#[utoipa::path(
    get,
    path = "/api/v1/repos",
    params(PageParams),
    responses((status = 200, description = "A page of repositories.", body = Page<Repository>))
)]
pub(crate) async fn list_repos(
    app: State<App>,
    uri: Uri,
    asked: Asked<PageParams, PageRequest>,
) -> Answered {
    list_repositories(app, uri, asked).await
}

#[utoipa::path(
    get,
    path = "/api/v1/repositories/{id}",
    params(("id" = RepositoryId, Path, description = "The repository.")),
    responses((status = 200, description = "The repository.", body = Repository))
)]
pub(crate) async fn get_repository(State(app): State<App>, Id(id): Id<RepositoryId>) -> Answered {
    Ok(Json(app.engine()?.get_repository(id).await?).into_response())
}

#[utoipa::path(
    get,
    path = "/api/v1/repositories/{id}/branches",
    params(("id" = RepositoryId, Path, description = "The repository.")),
    responses((status = 200, description = "The branches.", body = BranchList))
)]
pub(crate) async fn list_branches(State(app): State<App>, Id(id): Id<RepositoryId>) -> Answered {
    Ok(Json(app.engine()?.list_branches(id).await?).into_response())
}
