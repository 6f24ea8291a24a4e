//! The task that owns the writing connection.
//!
//! Jobs reach it through a bounded channel, so a caller that writes faster than the disk waits.
//! Each job is a transaction of its own. The exceptions are the append, [`Writer::write`], and the
//! creation of tasks, [`Writer::create`]: those that wait together are committed together.

mod task;
mod tx;

use std::path::PathBuf;
use std::sync::Arc;

use ah_store::{SessionWrite, StoreError, Written};
use sqlx::SqliteConnection;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::error::{closed, interrupted};
use crate::group::PreparedWrite;
use crate::observe;
use crate::tasks::create::PreparedTask;
use crate::watch::Watchers;
use task::{ResultSender, WriterMessage, WriterTask, respond};
pub(crate) use tx::{JobFuture, Tx};

/// The number of jobs that may wait.
const QUEUE_MAX: usize = 1024;

/// The handle of the writer task.
pub(crate) struct Writer {
    queue: mpsc::Sender<WriterMessage>,
    tasks: TaskTracker,
}

impl Writer {
    /// Starts the task. It writes to the file at `path` through `connection` and tells `watchers`
    /// about its commits.
    pub(crate) fn start(
        path: PathBuf,
        connection: SqliteConnection,
        watchers: Arc<Watchers>,
    ) -> Self {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let task = WriterTask::new(path, connection, watchers);
        let tasks = TaskTracker::new();
        tasks.spawn(task.run(messages));
        tasks.close();
        Self { queue, tasks }
    }

    /// Runs `work` in a transaction. The transaction is rolled back if it fails.
    pub(crate) async fn run<T, F>(&self, operation: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, T> + Send + 'static,
    {
        self.send(|answer| {
            WriterMessage::Run(Box::new(move |task| {
                Box::pin(async move {
                    let done = observe::operation(operation, task.transact(operation, work)).await;
                    task.note(done.as_ref().err());
                    respond(answer, done);
                })
            }))
        })
        .await
    }

    /// Writes to a session, in one transaction with the writes that wait at the same time.
    pub(crate) async fn write(&self, write: SessionWrite) -> Result<Written, StoreError> {
        let write = Box::new(PreparedWrite::new(write)?);
        self.send(|answer| WriterMessage::Write(write, answer))
            .await
    }

    /// Creates a task, in one transaction with the tasks that wait at the same time.
    pub(crate) async fn create(&self, task: PreparedTask) -> Result<(), StoreError> {
        let task = Box::new(task);
        self.send(|answer| WriterMessage::Create(task, answer))
            .await
    }

    async fn send<T>(
        &self,
        message: impl FnOnce(ResultSender<T>) -> WriterMessage,
    ) -> Result<T, StoreError> {
        let (answer, result) = oneshot::channel();
        self.queue
            .send(message(answer))
            .await
            .map_err(|_| closed())?;
        // The task answers every message unless it panics.
        result.await.map_err(|_| {
            if self.queue.is_closed() {
                closed()
            } else {
                interrupted()
            }
        })?
    }

    /// Waits until the queue is done and the task has ended.
    pub(crate) async fn close(&self) {
        if self.queue.send(WriterMessage::Close).await.is_err() {
            tracing::debug!("the store was closed before");
        }
        self.tasks.wait().await;
    }
}

#[cfg(test)]
mod tests;
