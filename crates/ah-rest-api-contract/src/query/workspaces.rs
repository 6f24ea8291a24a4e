//! Queries for workspaces and repositories.

use super::params::list_query;
use crate::{PageRequest, RepositoryQuery, WorkspaceQuery};

list_query! {
    /// The query parameters of `GET /workspaces`; see [`WorkspaceQuery`].
    WorkspaceParams for WorkspaceQuery {
        /// Only workspaces in one of these states.
        status list "status" for statuses: (Option<Vec<crate::WorkspaceStatus>>, style = Form, explode = false, min_items = 1);
    }
    /// The page number, from 1.
    page;
    /// The number of workspaces per page.
    per_page;
}

list_query! {
    /// The query parameters of `GET /repositories`; see [`RepositoryQuery`].
    RepositoryParams for RepositoryQuery {
        /// Only repositories with sessions of this tenant.
        tenant_id for tenant_id: (Option<String>);
        /// Only repositories with sessions of this project.
        project_id for project_id: (Option<String>);
    }
    /// The page number, from 1.
    page;
    /// The number of repositories per page.
    per_page;
}

impl From<PageRequest> for RepositoryQuery {
    fn from(page: PageRequest) -> Self {
        Self {
            page,
            ..Self::default()
        }
    }
}
