//! Tasks, and the creation of their sessions.

pub(crate) mod create;

use ah_rest_api_contract::{Task, TaskId};
use ah_store::{NewTask, StoreError, Tasks};
use async_trait::async_trait;
use sqlx::SqliteConnection;

use crate::error::{During as _, not_found};
use crate::observe::operation;
use crate::rows::TaskRow;
use crate::store::SqliteStore;
use create::PreparedTask;

#[async_trait]
impl Tasks for SqliteStore {
    async fn create_task(&self, task: NewTask) -> Result<(), StoreError> {
        self.writer.create(PreparedTask::new(task)?).await
    }

    async fn task(&self, id: TaskId) -> Result<Task, StoreError> {
        operation("read a task", async {
            get(&mut *self.reader().await?, id).await
        })
        .await
    }
}

async fn get(connection: &mut SqliteConnection, id: TaskId) -> Result<Task, StoreError> {
    let text = id.to_string();
    sqlx::query_as!(
        TaskRow,
        r#"SELECT id, request, created_at,
                  (SELECT json_group_array(id)
                   FROM (SELECT id FROM sessions WHERE task_id = tasks.id ORDER BY key)
                  ) AS "session_ids!: String"
           FROM tasks
           WHERE id = $1"#,
        text
    )
    .fetch_optional(connection)
    .await
    .during("read a task")?
    .ok_or_else(|| not_found("task", id))
    .and_then(TaskRow::into_task)
}
