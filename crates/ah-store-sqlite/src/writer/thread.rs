//! The work of the writer thread.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::Arc;

use ah_store::{StoreError, Written};
use rusqlite::Connection;
use tokio::sync::{mpsc, oneshot};

use super::tx::Tx;
use crate::error::SharedError;
use crate::group::{self, PreparedWrite};
use crate::observe;
use crate::open;
use crate::tasks::create::{self, PreparedTask};
use crate::transaction;
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
pub(super) type Job = Box<dyn FnOnce(&mut WriterThread) + Send>;

/// The state of the writer thread.
pub(super) struct WriterThread {
    path: PathBuf,
    tx: Tx,
    /// True after a failure that leaves the state of the connection unknown.
    poisoned: bool,
    /// True while the write-ahead log holds secrets that were erased from the database.
    has_secrets: bool,
    watchers: Arc<Watchers>,
}

impl WriterThread {
    /// Creates the state of a thread that writes to the file at `path` through `connection`.
    pub(super) fn new(path: PathBuf, connection: Connection, watchers: Arc<Watchers>) -> Self {
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
    pub(super) fn run(mut self, mut messages: mpsc::Receiver<WriterMessage>) {
        let mut next = None;
        loop {
            let message = match next.take() {
                Some(message) => message,
                None => match messages.blocking_recv() {
                    Some(message) => message,
                    None => break,
                },
            };
            if self.poisoned {
                self.reconnect();
            }
            let handled = catch_unwind(AssertUnwindSafe(|| self.handle(message, &mut messages)));
            match handled {
                Ok(follower) => {
                    next = follower;
                    if self.has_secrets && !self.poisoned && next.is_none() && messages.is_empty() {
                        self.has_secrets = !open::empty_log(&self.tx);
                    }
                }
                // The callers of the message receive an error because their answers were dropped.
                Err(panic) => {
                    self.poisoned = true;
                    observe::writer_panicked(&*panic);
                }
            }
        }
        if let Err((_, error)) = self.tx.connection.close() {
            tracing::warn!(%error, "the store's writing connection did not close");
        }
    }

    /// Handles `message`, and returns the message that ended a group, if one did.
    fn handle(
        &mut self,
        message: WriterMessage,
        messages: &mut mpsc::Receiver<WriterMessage>,
    ) -> Option<WriterMessage> {
        match message {
            WriterMessage::Write(..) | WriterMessage::Create(..) => {
                let (group, next) = Group::gather(message, messages);
                // No write of the group is to a session of its tasks: their callers wait.
                self.create(group.tasks);
                self.commit(group.writes);
                next
            }
            WriterMessage::Run(job) => {
                job(self);
                None
            }
            WriterMessage::Close => {
                messages.close();
                None
            }
        }
    }

    /// Creates tasks together. If that fails, each is created alone, so that it fails alone.
    fn create(&mut self, group: Vec<Waiting<PreparedTask, ()>>) {
        if group.is_empty() {
            return;
        }
        let (tasks, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|(task, answer)| (*task, answer))
            .unzip();
        match self.create_all(&tasks) {
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
                        self.reconnect();
                    }
                    let created = self.create_all(task);
                    respond(
                        answer,
                        created.and_then(|results| results.into_iter().collect()),
                    );
                }
            }
        }
    }

    fn create_all(
        &mut self,
        tasks: &[PreparedTask],
    ) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let created =
            observe::blocking_operation("create tasks", || create::create(&self.tx, tasks));
        match created {
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

    fn commit(&mut self, group: Vec<Waiting<PreparedWrite, Written>>) {
        if group.is_empty() {
            return;
        }
        let (writes, answers): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|(write, answer)| (*write, answer))
            .unzip();
        observe::group(writes.len());
        let committed = observe::blocking_operation("commit a group of writes", || {
            group::commit(&self.tx, &writes)
        });
        match committed {
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
    pub(super) fn transact<T>(
        &mut self,
        operation: &'static str,
        work: impl FnOnce(&mut Tx) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.tx.news = News::default();
        transaction::begin(&self.tx)?;
        let done = work(&mut self.tx)
            .and_then(|value| transaction::end(&self.tx, operation).map(|()| value));
        match &done {
            Ok(_) => {
                let news = std::mem::take(&mut self.tx.news);
                self.has_secrets |= news.erased;
                self.watchers.announce(&news);
            }
            Err(_) => transaction::roll_back(&self.tx),
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
    fn reconnect(&mut self) {
        match open::writer(&self.path) {
            Ok(fresh) => {
                let old = std::mem::replace(&mut self.tx.connection, fresh);
                self.poisoned = false;
                if let Err((_, error)) = old.close() {
                    tracing::debug!(%error, "a poisoned connection did not close");
                }
            }
            Err(error) => tracing::warn!(%error, "the store's file cannot be opened again"),
        }
    }
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
