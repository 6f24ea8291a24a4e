//! The alias of the list of repositories (contract §4.8).

use ah_rest_api_contract::PageRequest;
use axum::http::Uri;

use super::list_repositories;
use crate::extract::{Access, Query};
use crate::problem::ApiResult;

pub(crate) async fn list_repos(access: Access, uri: Uri, page: Query<PageRequest>) -> ApiResult {
    list_repositories(access, uri, page).await
}
