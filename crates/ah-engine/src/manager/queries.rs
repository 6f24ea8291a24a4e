//! Queries that are more than a read of the store.

mod history;
mod info;
mod workspace;

use std::sync::Arc;
use std::time::Duration;

use ah_executor::{Executor, ExecutorError};
use ah_rest_api_contract::{
    Agent, BranchList, ErrorKind, FieldErrors, Page, PageRequest, RepositoryId, RepositorySource,
    TaskManagerError,
};
use tokio_util::sync::CancellationToken;

use super::LocalTaskManager;
use crate::config::Scheduling;
use crate::shortage;

/// The maximum wait of a command for the versions of agents. Most of them are known.
const VERSIONS_WAIT_MAX: Duration = Duration::from_secs(3);

impl LocalTaskManager {
    /// Returns a page of the agents, with the versions that are known.
    pub(super) async fn read_agents(&self, page: PageRequest) -> Page<Agent> {
        let executor = &self.core.executor;
        match self.core.config.scheduling {
            // A command is too short-lived for a later call, so it waits.
            Scheduling::Attend => {
                let discovery = executor.discover_versions();
                let discovered = tokio::time::timeout(VERSIONS_WAIT_MAX, discovery).await;
                if discovered.is_err() {
                    tracing::info!("the versions of some agents are not known in time");
                }
            }
            Scheduling::Serve => {
                let discovery = discover_versions(executor.clone(), self.shutdown.clone());
                self.tasks.spawn(discovery);
            }
        }
        Page::of_whole(executor.agents(), page)
    }

    /// Returns the branches of a repository.
    pub(super) async fn read_branches(
        &self,
        id: RepositoryId,
    ) -> Result<BranchList, TaskManagerError> {
        let (_, address) = self.core.store.repository(id).await?;
        let source = RepositorySource::parse(&address).map_err(|why| {
            tracing::error!(repository.id = %id, %why, "a stored address cannot be read");
            TaskManagerError::new(ErrorKind::Internal, "stored data could not be read")
        })?;
        let branches = self.core.executor.branches(&source).await;
        let branches = branches.map_err(executor_error)?;
        Ok(BranchList::new(id, branches))
    }
}

/// Converts a failure of a host for clients.
fn executor_error(error: ExecutorError) -> TaskManagerError {
    let shown = &error as &dyn std::error::Error;
    tracing::warn!(error = shown, "a host failed to answer");
    let detail = error.explanation();
    match error.field {
        Some(field) => FieldErrors::of(field, detail).into(),
        None => {
            let kind = match shortage::caused(&error) {
                true => ErrorKind::Unavailable,
                false => ErrorKind::Internal,
            };
            TaskManagerError::new(kind, detail).caused_by(error)
        }
    }
}

/// Queries the versions of agents until they are known or the engine shuts down.
async fn discover_versions(executor: Arc<dyn Executor>, shutdown: CancellationToken) {
    let discovery = executor.discover_versions();
    shutdown.run_until_cancelled(discovery).await;
}
