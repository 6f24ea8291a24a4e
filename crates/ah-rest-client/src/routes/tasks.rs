//! Launching tasks.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{LaunchedTask, Task, TaskId, TaskLaunchParams, TaskManagerError};

use crate::call::Call;
use crate::client::RestClient;

impl RestClient {
    /// Launches a task: one queued session for each agent, times its count.
    ///
    /// # Errors
    /// [`ah_rest_api_contract::ErrorKind::Validation`] names every field that this server does
    /// not take, such as an agent that it does not have.
    pub async fn launch_task(
        &self,
        params: &TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        self.json(Call::post(routes::TASKS, params.request())?)
            .await
    }

    /// The task and its sessions.
    ///
    /// # Errors
    /// [`ah_rest_api_contract::ErrorKind::NotFound`] when there is none.
    pub async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError> {
        self.json(Call::get(routes::task(id))).await
    }
}
