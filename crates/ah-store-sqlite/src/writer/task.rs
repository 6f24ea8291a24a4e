//! The work of the writer task.

use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::sync::Arc;

use ah_store::{StoreError, Written};
use futures::FutureExt as _;
use futures::future::BoxFuture;
use sqlx::{Connection as _, SqliteConnection};
use tokio::sync::{mpsc, oneshot};

use super::tx::{JobFuture, Tx};
use crate::error::{During as _, SharedError};
use crate::group::{self, PreparedWrite};
use crate::observe;
use crate::open;
use crate::tasks::create::{self, PreparedTask};
use crate::watch::{News, Watchers};

/// The most writes of one transaction.
const GROUP_WRITES: usize = 256;
/// The size of events, in bytes, from which a transaction takes no further write.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

pub(super) type ResultSender<T> = oneshot::Sender<Result<T, StoreError>>;

/// A message to the writer.
pub(super) enum WriterMessage {
    /// A write, committed together with those that wait behind it.
    Write(Box<PreparedWrite>, ResultSender<Written>),
    /// A new task, created together with those that wait behind it.
    Create(Box<PreparedTask>, ResultSender<()>),
    /// A job, in a transaction of its own.
    Run(Job),
    /// The end: the writer closes its queue, finishes what is in it, and ends.
    Close,
}

/// A job whose result type is erased: it runs, and answers its caller.
pub(super) type Job = Box<dyn for<'t> FnOnce(&'t mut WriterTask) -> BoxFuture<'t, ()> + Send>;

/// The state of the writer task.
pub(super) struct WriterTask {
    path: PathBuf,
    tx: Tx,
    /// True after a failure that leaves the state of the connection unknown.
    poisoned: bool,
    /// True while the write-ahead log holds secrets that were erased from the database.
    has_secrets: bool,
    watchers: Arc<Watchers>,
}

impl WriterTask {
    /// Creates the task that writes to the file at `path` through `connection`.
    pub(super) fn new(
        path: PathBuf,
        connection: SqliteConnection,
        watchers: Arc<Watchers>,
    ) -> Self {
        Self {
            path,
            tx: Tx {
                connection,
                news: News::default(),
            },
            poisoned: false,
            // The log of a killed process may hold some.
            has_secrets: true,
            watchers,
        }
    }

    /// Handles messages until the queue is closed and empty.
    pub(super) async fn run(mut self, mut messages: mpsc::Receiver<WriterMessage>) {
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
            WriterMessage::Write(..) | WriterMessage::Create(..) => {
                let (group, next) = Group::gather(message, messages);
                // No write of the group is to a session of its tasks: their callers wait.
                self.create(group.tasks).await;
                self.commit(group.writes).await;
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

    /// Creates tasks together. If that fails, each is created alone, so that it fails alone.
    async fn create(&mut self, group: Vec<Waiting<PreparedTask, ()>>) {
        if group.is_empty() {
            return;
        }
        let (tasks, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|(task, answer)| (*task, answer))
            .unzip();
        match self.create_all(&tasks).await {
            Ok(results) => {
                for (answer, result) in answers.into_iter().zip(results) {
                    respond(answer, result);
                }
            }
            Err(error) if tasks.len() == 1 => {
                if let Some(answer) = answers.into_iter().next() {
                    respond(answer, Err(error));
                }
            }
            Err(_) => {
                for (task, answer) in tasks.chunks(1).zip(answers) {
                    if self.poisoned {
                        self.reconnect().await;
                    }
                    let created = self.create_all(task).await;
                    respond(
                        answer,
                        created.and_then(|results| results.into_iter().collect()),
                    );
                }
            }
        }
    }

    async fn create_all(
        &mut self,
        tasks: &[PreparedTask],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let created = observe::operation(
            "create tasks",
            create::create(&mut self.tx.connection, tasks),
        );
        match created.await {
            Ok((results, news)) => {
                self.watchers.announce(&news);
                Ok(results)
            }
            Err(error) => {
                self.note(Some(&error));
                Err(error)
            }
        }
    }

    async fn commit(&mut self, group: Vec<Waiting<PreparedWrite, Written>>) {
        if group.is_empty() {
            return;
        }
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
                let error = SharedError::new(error);
                for answer in answers {
                    respond(answer, Err(error.for_one()));
                }
            }
        }
    }

    /// Runs `work` in a transaction, commits it and tells the watchers.
    pub(super) async fn transact<T>(
        &mut self,
        operation: &'static str,
        work: impl for<'t> FnOnce(&'t mut Tx) -> JobFuture<'t, T>,
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
    pub(super) fn note(&mut self, error: Option<&StoreError>) {
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

pub(super) async fn execute(
    connection: &mut SqliteConnection,
    sql: &'static str,
) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(connection).await.map(drop)
}

/// A write or a task of a group, and its caller.
type Waiting<T, R> = (Box<T>, ResultSender<R>);

/// The writes and the new tasks that wait together.
#[derive(Default)]
struct Group {
    writes: Vec<Waiting<PreparedWrite, Written>>,
    tasks: Vec<Waiting<PreparedTask, ()>>,
    bytes: usize,
}

impl Group {
    /// Takes what waits behind `first`, up to the bounds of a transaction. Also returns the other
    /// message that ended the group, if one did.
    fn gather(
        first: WriterMessage,
        messages: &mut mpsc::Receiver<WriterMessage>,
    ) -> (Self, Option<WriterMessage>) {
        let mut group = Self::default();
        let mut next = Some(first);
        while let Some(message) = next.take() {
            match message {
                WriterMessage::Write(write, answer) => {
                    group.bytes += write.size();
                    group.writes.push((write, answer));
                }
                WriterMessage::Create(task, answer) => {
                    group.bytes += task.size();
                    group.tasks.push((task, answer));
                }
                other => return (group, Some(other)),
            }
            if group.writes.len() + group.tasks.len() < GROUP_WRITES && group.bytes < GROUP_BYTES {
                next = messages.try_recv().ok();
            }
        }
        (group, None)
    }
}

pub(super) fn respond<T>(answer: ResultSender<T>, result: Result<T, StoreError>) {
    if answer.send(result).is_err() {
        // A commit stands even if its caller was cancelled.
        tracing::trace!("the caller of a write was cancelled");
    }
}
