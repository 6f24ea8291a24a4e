//! What tasks can name: agents, repositories, branches.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{
    Agent, AgentType, BranchList, Page, PageParams, PageRequest, Repository, RepositoryId,
    TaskManagerError,
};
use serde_json::Value;

use crate::call::{Call, route};
use crate::client::RestClient;

impl RestClient {
    /// A page of the agents that tasks can name.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn list_agents(&self, page: PageRequest) -> Result<Page<Agent>, TaskManagerError> {
        let query = PageParams::from(page);
        self.json(Call::get(route!("list_agents"), routes::AGENTS).with_query(&query)?)
            .await
    }

    /// The JSON Schema of an agent's settings.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// agent.
    pub async fn get_agent_schema(&self, agent: &AgentType) -> Result<Value, TaskManagerError> {
        self.json(Call::get(
            route!("get_agent_schema"),
            routes::agent_schema(agent),
        ))
        .await
    }

    /// A page of the repositories that tasks were launched on, the last used first.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn list_repositories(
        &self,
        page: PageRequest,
    ) -> Result<Page<Repository>, TaskManagerError> {
        let query = PageParams::from(page);
        self.json(Call::get(route!("list_repositories"), routes::REPOSITORIES).with_query(&query)?)
            .await
    }

    /// The same page as [`RestClient::list_repositories`], under its shorter name.
    ///
    /// # Errors
    /// Those of every request.
    pub async fn list_repos(
        &self,
        page: PageRequest,
    ) -> Result<Page<Repository>, TaskManagerError> {
        let query = PageParams::from(page);
        self.json(Call::get(route!("list_repos"), routes::REPOS).with_query(&query)?)
            .await
    }

    /// A repository.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is none.
    pub async fn get_repository(&self, id: RepositoryId) -> Result<Repository, TaskManagerError> {
        self.json(Call::get(route!("get_repository"), routes::repository(id)))
            .await
    }

    /// The branches of a repository, asked of the repository itself.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is no such
    /// repository.
    pub async fn list_branches(&self, id: RepositoryId) -> Result<BranchList, TaskManagerError> {
        self.json(Call::get(
            route!("list_branches"),
            routes::repository_branches(id),
        ))
        .await
    }
}
