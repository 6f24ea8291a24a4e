//! The thread that owns the writing connection.
//!
//! Jobs reach it through a bounded channel, so a caller that writes faster than the disk waits.
//! Each job is a transaction of its own. The exceptions are the append, [`Writer::write`], and the
//! creation of tasks, [`Writer::create`]: those that wait together are committed together.
//!
//! It is a thread and not a task, because a commit waits for the disk. A write has two hand-overs
//! between threads, one to it and one back, regardless of the number of its statements.

mod thread;
mod tx;

use std::path::PathBuf;
use std::sync::Arc;
use std::thread as os;

use ah_store::{SessionWrite, StoreError, Written};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::error::{backend, closed, interrupted};
use crate::group::PreparedWrite;
use crate::observe;
use crate::tasks::create::PreparedTask;
use crate::watch::Watchers;
use thread::{ResultSender, WriterMessage, WriterThread, respond};
pub(crate) use tx::Tx;

/// The number of jobs that may wait.
const QUEUE_MAX: usize = 1024;

/// The handle of the writer thread.
pub(crate) struct Writer {
    queue: mpsc::Sender<WriterMessage>,
    /// Counts the thread while it runs.
    running: TaskTracker,
}

impl Writer {
    /// Starts the thread. It writes to the file at `path` through `connection` and tells `watchers`
    /// about its commits.
    pub(crate) fn start(
        path: PathBuf,
        connection: Connection,
        watchers: Arc<Watchers>,
    ) -> Result<Self, StoreError> {
        let (queue, messages) = mpsc::channel(QUEUE_MAX);
        let running = TaskTracker::new();
        let token = running.token();
        os::Builder::new()
            .name("ah-store-writer".to_owned())
            .spawn(move || {
                WriterThread::new(path, connection, watchers).run(messages);
                drop(token);
            })
            .map_err(|error| backend("start its writer", error))?;
        running.close();
        Ok(Self { queue, running })
    }

    /// Runs `work` in a transaction. The transaction is rolled back if it fails.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        operation: &'static str,
        work: impl FnOnce(&mut Tx) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.send(|answer| {
            WriterMessage::Run(Box::new(move |thread| {
                let done =
                    observe::blocking_operation(operation, || thread.transact(operation, work));
                thread.note(done.as_ref().err());
                respond(answer, done);
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
        // The thread answers every message unless it panics.
        result.await.map_err(|_| {
            if self.queue.is_closed() {
                closed()
            } else {
                interrupted()
            }
        })?
    }

    /// Waits until the queue is done and the thread has closed its connection.
    pub(crate) async fn close(&self) {
        if self.queue.send(WriterMessage::Close).await.is_err() {
            tracing::debug!("the store was closed before");
        }
        self.running.wait().await;
    }
}

#[cfg(test)]
mod tests;
