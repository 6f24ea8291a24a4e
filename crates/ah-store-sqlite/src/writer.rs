//! The task that owns the writing connection.
//!
//! Jobs reach it through a bounded channel, so a caller that writes faster than the disk waits.
//! Each job is a transaction of its own. The exception is the append, [`Writer::write`]: the
//! writes that wait together are committed together.

use std::ops::{Deref, DerefMut};
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use ah_rest_api_contract::SessionId;
use ah_store::{Head, LogPosition, SessionWrite, StoreError, Written};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio_util::task::TaskTracker;

use crate::error::{During as _, Shared, closed, interrupted};
use crate::group::{self, PreparedWrite};
use crate::observe;
use crate::open;
use crate::watch::Watchers;

/// The number of jobs that may wait.
const QUEUE_MAX: usize = 1024;
/// The most writes of one transaction.
const GROUP_WRITES: usize = 256;
/// The size of events, in bytes, from which a transaction takes no further write.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

type ResultSender<T> = oneshot::Sender<Result<T, StoreError>>;

/// The future of a job's work, which borrows the transaction.
pub(crate) type Work<'t, T> = BoxFuture<'t, Result<T, StoreError>>;

/// A message to the writer.
enum WriterMessage {
    /// A write, committed together with those that wait behind it.
    Write(Box<PreparedWrite>, ResultSender<Written>),
    /// A job, in a transaction of its own.
    Run(Job),
    /// The end: the writer closes its queue, finishes what is in it, and ends.
    Close,
}

/// A job whose result type is erased: it runs, and answers its caller.
type Job = Box<dyn for<'t> FnOnce(&'t mut WriterTask) -> BoxFuture<'t, ()> + Send>;

/// The transaction of a job: the connection, and the news for the watchers after the commit.
pub(crate) struct Tx {
    connection: SqliteConnection,
    news: News,
}

impl Tx {
    /// Adds `news` to announce to the watchers after the commit.
    pub(crate) fn announce(&mut self, news: News) {
        self.news.heads.extend(news.heads);
        self.news.log = news.log.or(self.news.log);
        self.news.work = news.work.or(self.news.work);
        self.news.erased |= news.erased;
    }
}

impl Deref for Tx {
    type Target = SqliteConnection;

    fn deref(&self) -> &SqliteConnection {
        &self.connection
    }
}

impl DerefMut for Tx {
    fn deref_mut(&mut self) -> &mut SqliteConnection {
        &mut self.connection
    }
}

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
        let task = WriterTask {
            path,
            tx: Tx {
                connection,
                news: News::default(),
            },
            poisoned: false,
            // The log of a killed process may hold some.
            has_secrets: true,
            watchers,
        };
        let tasks = TaskTracker::new();
        tasks.spawn(task.run(messages));
        tasks.close();
        Self { queue, tasks }
    }

    /// Runs `work` in a transaction. The transaction is rolled back if it fails.
    pub(crate) async fn run<T, F>(&self, operation: &'static str, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: for<'t> FnOnce(&'t mut Tx) -> Work<'t, T> + Send + 'static,
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

/// The state of the writer task.
struct WriterTask {
    path: PathBuf,
    tx: Tx,
    /// True after a failure that leaves the state of the connection unknown.
    poisoned: bool,
    /// True while the write-ahead log holds secrets that were erased from the database.
    has_secrets: bool,
    watchers: Arc<Watchers>,
}

impl WriterTask {
    async fn run(mut self, mut messages: mpsc::Receiver<WriterMessage>) {
        let mut next = None;
        loop {
            let message = match next.take() {
                Some(message) => message,
                None => match messages.recv().await {
                    Some(message) => message,
                    None => break,
                },
            };
            if self.poisoned {
                self.reconnect().await;
            }
            let handled = AssertUnwindSafe(self.handle(message, &mut messages))
                .catch_unwind()
                .await;
            match handled {
                Ok(follower) => {
                    next = follower;
                    if self.has_secrets && !self.poisoned && next.is_none() && messages.is_empty() {
                        self.has_secrets = !open::empty_log(&mut self.tx.connection).await;
                    }
                }
                // The callers of the message receive an error because their answers were dropped.
                Err(panic) => {
                    self.poisoned = true;
                    observe::writer_panicked(&*panic);
                }
            }
        }
        if let Err(error) = self.tx.connection.close().await {
            tracing::warn!(%error, "the store's writing connection did not close");
        }
    }

    /// Handles `message`, and returns the message that ended a group, if one did.
    async fn handle(
        &mut self,
        message: WriterMessage,
        messages: &mut mpsc::Receiver<WriterMessage>,
    ) -> Option<WriterMessage> {
        match message {
            WriterMessage::Write(write, answer) => {
                let (group, next) = gather((write, answer), messages);
                self.commit(group).await;
                next
            }
            WriterMessage::Run(job) => {
                job(self).await;
                None
            }
            WriterMessage::Close => {
                messages.close();
                None
            }
        }
    }

    async fn commit(&mut self, group: Vec<(Box<PreparedWrite>, ResultSender<Written>)>) {
        let (writes, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|(write, answer)| (*write, answer))
            .unzip();
        observe::group(writes.len());
        let committed = observe::operation(
            "commit a group of writes",
            group::commit(&mut self.tx.connection, &writes),
        );
        match committed.await {
            Ok(outcome) => {
                self.has_secrets |= outcome.news.erased;
                self.watchers.announce(&outcome.news);
                for (answer, result) in answers.into_iter().zip(outcome.results) {
                    respond(answer, result);
                }
            }
            Err(error) => {
                self.note(Some(&error));
                let error = Shared::new(error);
                for answer in answers {
                    respond(answer, Err(error.for_one()));
                }
            }
        }
    }

    /// Runs `work` in a transaction, commits it and tells the watchers.
    async fn transact<T>(
        &mut self,
        operation: &'static str,
        work: impl for<'t> FnOnce(&'t mut Tx) -> Work<'t, T>,
    ) -> Result<T, StoreError> {
        self.tx.news = News::default();
        execute(&mut self.tx, "BEGIN IMMEDIATE")
            .await
            .during("begin a transaction")?;
        let done = match work(&mut self.tx).await {
            Ok(value) => execute(&mut self.tx, "COMMIT")
                .await
                .during(operation)
                .map(|()| value),
            Err(error) => Err(error),
        };
        match &done {
            Ok(_) => self.watchers.announce(&std::mem::take(&mut self.tx.news)),
            Err(_) => group::roll_back(&mut self.tx.connection).await,
        }
        done
    }

    /// Marks the connection as poisoned if `error` came from the backend. The state of its
    /// transaction is unknown, so the connection is not used again.
    fn note(&mut self, error: Option<&StoreError>) {
        self.poisoned |= matches!(
            error,
            Some(StoreError::Backend { .. } | StoreError::Unavailable { .. })
        );
    }

    /// Replaces a poisoned connection. If that fails, the old one is kept for the next message,
    /// whose failure reports the cause.
    async fn reconnect(&mut self) {
        match open::writer(&self.path).await {
            Ok(fresh) => {
                let old = std::mem::replace(&mut self.tx.connection, fresh);
                self.poisoned = false;
                if let Err(error) = old.close().await {
                    tracing::debug!(%error, "a poisoned connection did not close");
                }
            }
            Err(error) => tracing::warn!(%error, "the store's file cannot be opened again"),
        }
    }
}

async fn execute(connection: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

/// A write of a group, and its caller.
type Waiting = (Box<PreparedWrite>, ResultSender<Written>);

/// Takes the writes that wait behind `first`, up to the bounds of a transaction. Also returns the
/// other message that ended the group, if one did.
fn gather(
    first: Waiting,
    messages: &mut mpsc::Receiver<WriterMessage>,
) -> (Vec<Waiting>, Option<WriterMessage>) {
    let mut bytes = first.0.size();
    let mut group = vec![first];
    while group.len() < GROUP_WRITES && bytes < GROUP_BYTES {
        match messages.try_recv() {
            Ok(WriterMessage::Write(write, answer)) => {
                bytes += write.size();
                group.push((write, answer));
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

fn respond<T>(answer: ResultSender<T>, result: Result<T, StoreError>) {
    if answer.send(result).is_err() {
        // A commit stands even if its caller was cancelled.
        tracing::trace!("the caller of a write was cancelled");
    }
}

#[cfg(test)]
mod tests {
    use ah_rest_api_contract::{Draft, DraftContent, DraftId, Timestamp};
    use ulid::Ulid;

    use super::*;
    use crate::{drafts, watch};

    fn draft(number: u64) -> Draft {
        Draft {
            id: DraftId::from_ulid(Ulid::from_parts(number, 0)),
            content: DraftContent {
                prompt: Some("x".repeat(50_000).into()),
                ..DraftContent::default()
            },
            created_at: Timestamp::from_unix_millis(0),
            updated_at: Timestamp::from_unix_millis(0),
        }
    }

    async fn save(writer: &Writer, draft: Draft) -> Result<(), StoreError> {
        writer
            .run("save a draft", move |tx| {
                Box::pin(async move { drafts::save(tx, &draft).await })
            })
            .await
    }

    /// Returns a writer on a new file, whose connection was prepared with `pragma`.
    async fn writer(folder: &tempfile::TempDir, pragma: Option<&'static str>) -> Writer {
        let path = folder.path().join("state.db");
        let mut connection = open::open(&path).await.unwrap().writer;
        if let Some(pragma) = pragma {
            execute(&mut connection, pragma).await.unwrap();
        }
        let head = watch::store_head(&mut connection).await.unwrap();
        Writer::start(path, connection, Arc::new(Watchers::new(head)))
    }

    #[tokio::test]
    async fn full_disk_fails_only_the_affected_writes() {
        let folder = tempfile::tempdir().unwrap();
        // A connection whose file may not grow fails as on a full disk.
        let writer = writer(&folder, Some("PRAGMA max_page_count = 1")).await;
        let error = save(&writer, draft(1)).await.unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Backend { .. } | StoreError::Unavailable { .. }
            ),
            "{error}"
        );
        // There is room again.
        save(&writer, draft(2)).await.unwrap();
        writer.close().await;
    }

    #[tokio::test]
    async fn panic_in_a_job_fails_only_its_caller() {
        let folder = tempfile::tempdir().unwrap();
        let writer = writer(&folder, None).await;
        save(&writer, draft(1)).await.unwrap();
        let panicking: Result<(), _> = writer
            .run("panic", |tx| {
                Box::pin(async move {
                    drafts::delete(tx, draft(1).id).await?;
                    panic!("injected");
                })
            })
            .await;
        let error = panicking.unwrap_err();
        assert!(matches!(error, StoreError::Backend { .. }), "{error:?}");
        // The unfinished transaction is rolled back, and the task uses a new connection.
        save(&writer, draft(2)).await.unwrap();
        let count: i64 = writer
            .run("count drafts", |tx| {
                Box::pin(async move {
                    sqlx::query_scalar("SELECT count(*) FROM drafts")
                        .fetch_one(&mut **tx)
                        .await
                        .during("count drafts")
                })
            })
            .await
            .unwrap();
        assert_eq!(count, 2);
        writer.close().await;
    }
}
