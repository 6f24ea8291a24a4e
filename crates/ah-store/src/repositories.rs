//! The repositories that tasks were launched on.

use ah_rest_api_contract::{Page, Repository, RepositoryId, RepositoryQuery};
use async_trait::async_trait;

use crate::StoreError;

/// The repositories. Creating a task records the use of its repository.
#[async_trait]
pub trait Repositories: Send + Sync {
    /// Returns a page of repositories, the last used first.
    async fn list_repositories(
        &self,
        query: &RepositoryQuery,
    ) -> Result<Page<Repository>, StoreError>;

    /// Returns the repository `id`, with its address as the last task gave it, credentials
    /// included.
    async fn repository(&self, id: RepositoryId) -> Result<(Repository, String), StoreError>;

    /// Records the branch that the HEAD of a repository names.
    async fn set_default_branch(&self, address: &str, branch: &str) -> Result<(), StoreError>;
}
