//! Launching tasks.

use ah_rest_api_contract::routes;
use ah_rest_api_contract::{LaunchedTask, Task, TaskId, TaskLaunchParams, TaskManagerError};

use crate::call::{Call, route};
use crate::client::RestClient;

impl RestClient {
    /// Launches a task: one queued session for each agent, times its count.
    ///
    /// # Errors
    /// [`ErrorKind::Validation`](ah_rest_api_contract::ErrorKind::Validation) names every field
    /// that this server does not take, such as an agent that it does not have.
    pub async fn launch_task(
        &self,
        params: &TaskLaunchParams,
    ) -> Result<LaunchedTask, TaskManagerError> {
        self.json(Call::post(
            route!("launch_task"),
            routes::TASKS,
            params.request(),
        )?)
        .await
    }

    /// The task and its sessions.
    ///
    /// # Errors
    /// [`ErrorKind::NotFound`](ah_rest_api_contract::ErrorKind::NotFound) when there is none.
    pub async fn get_task(&self, id: TaskId) -> Result<Task, TaskManagerError> {
        self.json(Call::get(route!("get_task"), routes::task(id)))
            .await
    }
}
