//! The alias of the list of repositories (contract §4.8).

use ah_rest_api_contract::RepositoryQuery;
use axum::http::Uri;

use super::list_repositories;
use crate::extract::{Access, Query};
use crate::problem::ApiResult;

pub(crate) async fn list_repos(
    access: Access,
    uri: Uri,
    query: Query<RepositoryQuery>,
) -> ApiResult {
    list_repositories(access, uri, query).await
}
