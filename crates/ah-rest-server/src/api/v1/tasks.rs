//! The launch of tasks (contract §4.1).

use ah_rest_api_contract::operations;
use ah_rest_api_contract::{CreateTask, LaunchedTask, TaskLaunchParams};
use axum::extract::State;

use crate::config::TRACEPARENT_VARIABLE;
use crate::extract::CommandRequest;
use crate::idempotency::Idempotency;
use crate::problem::ApiResult;

pub(crate) async fn launch_task(
    State(idempotency): State<Idempotency>,
    mut command: CommandRequest<CreateTask>,
) -> ApiResult {
    if let Some(trace) = command.traceparent.take() {
        let env = &mut command.body.env;
        env.entry(TRACEPARENT_VARIABLE.to_owned()).or_insert(trace);
    }
    idempotency
        .answer(
            &operations::LAUNCH_TASK,
            command,
            async |access, request| {
                let task = TaskLaunchParams::try_from(request)?;
                access.launch_task(task).await
            },
        )
        .await?
        .located(|task: &LaunchedTask| task.links.this.clone())
}
