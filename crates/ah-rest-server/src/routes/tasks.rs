//! Tasks (contract §4.1).

use ah_rest_api_contract::{
    CreateTask, LaunchedTask, Task, TaskId, TaskLaunchParams, TaskManager as _,
};
use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse as _;

use super::Answered;
use crate::app::App;
use crate::config::TRACEPARENT_VARIABLE;
use crate::extract::{Call, Id};

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
pub(crate) async fn launch_task(State(app): State<App>, mut call: Call<CreateTask>) -> Answered {
    if let Some(trace) = call.traceparent.take() {
        let env = &mut call.body.env;
        env.entry(TRACEPARENT_VARIABLE.to_owned()).or_insert(trace);
    }
    app.answer(StatusCode::CREATED, call, async |manager, request| {
        manager
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
pub(crate) async fn get_task(State(app): State<App>, Id(id): Id<TaskId>) -> Answered {
    Ok(Json(app.engine()?.get_task(id).await?).into_response())
}
