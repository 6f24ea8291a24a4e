//! Tasks (contract §4.1).

use ah_rest_api_contract::{CreateTask, LaunchedTask, Task, TaskId, TaskLaunchParams};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use crate::api::ApiResult;
use crate::config::TRACEPARENT_VARIABLE;
use crate::extract::{Access, Command, Id};
use crate::idempotency::Idempotency;

#[utoipa::path(
    post,
    path = "/api/v1/tasks",
    request_body = CreateTask,
    responses((
        status = 201,
        description = "The task was launched; `Location` is its first session.",
        body = LaunchedTask,
        headers(("Location" = String, description = "The first session."))
    ))
)]
pub(crate) async fn launch_task(
    State(idempotency): State<Idempotency>,
    mut command: Command<CreateTask>,
) -> ApiResult {
    if let Some(trace) = command.traceparent.take() {
        let env = &mut command.body.env;
        env.entry(TRACEPARENT_VARIABLE.to_owned()).or_insert(trace);
    }
    idempotency
        .answer(StatusCode::CREATED, command, async |access, request| {
            access
                .launch_task(TaskLaunchParams::try_from(request)?)
                .await
        })
        .await?
        .located(|task: &LaunchedTask| task.links.this.clone())
}

#[utoipa::path(
    get,
    path = "/api/v1/tasks/{id}",
    params(("id" = TaskId, Path, description = "The task.")),
    responses((status = 200, description = "The task.", body = Task))
)]
pub(crate) async fn get_task(Access(access): Access, Id(id): Id<TaskId>) -> ApiResult {
    Ok(Json(access.get_task(id).await?).into_response())
}
