//! The one task of a process that writes.
//!
//! It owns the writing connection. Orders reach it through a bounded channel, so whoever writes
//! faster than the disk waits. Writes that wait together are committed together.

use std::path::PathBuf;
use std::sync::Arc;

use ah_rest_api_contract::{Draft, DraftId, Timestamp};
use ah_store::{
    ApiKey, Claim, EngineId, Head, Lease, LogPosition, Reply, SessionRecord, SessionWrite,
    StoreError, Written,
};
use sqlx::{Connection as _, Sqlite, SqliteConnection, Transaction};
use tokio::sync::{mpsc, oneshot};

use crate::error::{During as _, Shared, closed};
use crate::group::{self, PreparedWrite};
use crate::tasks::{self, PreparedTask};
use crate::watch::{self, Watchers};
use crate::{api_keys, claims, drafts, open, replies, repositories};

/// How many orders may wait.
const ORDERS_WAITING: usize = 1024;
/// The most writes of one transaction.
const GROUP_WRITES: usize = 256;
/// After this many bytes of events a transaction takes no further write.
const GROUP_BYTES: usize = 4 * 1024 * 1024;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the writer is asked to do, and where the result goes.
enum Order {
    /// Writes that wait together are committed together.
    Write(Box<PreparedWrite>, Answer<Written>),
    /// Anything else is a transaction of its own.
    Perform(Box<Errand>),
    /// Takes no further order, does what was ordered before, and ends.
    Close,
}

enum Errand {
    CreateTask(PreparedTask, Answer<()>),
    Claim(Claim, Lease, Timestamp, Answer<Option<Box<SessionRecord>>>),
    Renew(Lease, Answer<()>),
    Release(EngineId, Answer<()>),
    SaveDraft(Draft, Option<Reply>, Answer<()>),
    DeleteDraft(DraftId, Answer<()>),
    SetDefaultBranch(String, String, Answer<()>),
    SaveReply(Reply, Timestamp, Answer<()>),
    SweepReplies(Timestamp, Answer<u64>),
    SaveApiKey(ApiKey, Answer<()>),
}

/// The way to the writer.
pub(crate) struct Writer {
    orders: mpsc::Sender<Order>,
    /// Never sent to; the writer's end of it goes when the writer has ended.
    ended: mpsc::Sender<()>,
}

impl Writer {
    /// Starts the task that writes to the file at `path` through `connection`, and tells `watchers`
    /// what it wrote.
    pub(crate) fn start(
        path: PathBuf,
        connection: SqliteConnection,
        watchers: Arc<Watchers>,
    ) -> Self {
        let (orders, waiting) = mpsc::channel(ORDERS_WAITING);
        let (ended, end) = mpsc::channel(1);
        let desk = Desk {
            path,
            connection,
            is_spoilt: false,
            watchers,
        };
        tokio::spawn(async move {
            desk.work(waiting).await;
            drop(end);
        });
        Self { orders, ended }
    }

    async fn perform<T>(&self, errand: impl FnOnce(Answer<T>) -> Errand) -> Result<T, StoreError> {
        self.order(|reply| Order::Perform(Box::new(errand(reply))))
            .await
    }

    async fn order<T>(&self, order: impl FnOnce(Answer<T>) -> Order) -> Result<T, StoreError> {
        let (reply, result) = oneshot::channel();
        self.orders.send(order(reply)).await.map_err(|_| closed())?;
        result.await.map_err(|_| closed())?
    }

    pub(crate) async fn write(&self, write: SessionWrite) -> Result<Written, StoreError> {
        let write = Box::new(PreparedWrite::new(write)?);
        self.order(|reply| Order::Write(write, reply)).await
    }

    pub(crate) async fn create_task(&self, task: PreparedTask) -> Result<(), StoreError> {
        self.perform(|reply| Errand::CreateTask(task, reply)).await
    }

    pub(crate) async fn claim(
        &self,
        claim: Claim,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        let claimed = self
            .perform(|reply| Errand::Claim(claim, lease.clone(), now, reply))
            .await?;
        Ok(claimed.map(|record| *record))
    }

    pub(crate) async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        self.perform(|reply| Errand::Renew(lease.clone(), reply))
            .await
    }

    pub(crate) async fn release(&self, engine: &EngineId) -> Result<(), StoreError> {
        self.perform(|reply| Errand::Release(engine.clone(), reply))
            .await
    }

    pub(crate) async fn save_draft(
        &self,
        draft: &Draft,
        reply: Option<Reply>,
    ) -> Result<(), StoreError> {
        self.perform(|answer| Errand::SaveDraft(draft.clone(), reply, answer))
            .await
    }

    pub(crate) async fn delete_draft(&self, id: DraftId) -> Result<(), StoreError> {
        self.perform(|reply| Errand::DeleteDraft(id, reply)).await
    }

    pub(crate) async fn set_default_branch(
        &self,
        address: &str,
        branch: &str,
    ) -> Result<(), StoreError> {
        self.perform(|reply| Errand::SetDefaultBranch(address.to_owned(), branch.to_owned(), reply))
            .await
    }

    pub(crate) async fn save_reply(&self, reply: Reply, now: Timestamp) -> Result<(), StoreError> {
        self.perform(|answer| Errand::SaveReply(reply, now, answer))
            .await
    }

    pub(crate) async fn sweep_replies(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.perform(|answer| Errand::SweepReplies(now, answer))
            .await
    }

    pub(crate) async fn save_api_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.perform(|answer| Errand::SaveApiKey(key, answer)).await
    }

    /// Waits until everything that was ordered is done and the writer has ended.
    pub(crate) async fn close(&self) {
        if self.orders.send(Order::Close).await.is_err() {
            tracing::debug!("the store was closed before");
        }
        self.ended.closed().await;
    }
}

/// Where the writer works.
struct Desk {
    path: PathBuf,
    connection: SqliteConnection,
    /// Whether the connection has failed.
    is_spoilt: bool,
    watchers: Arc<Watchers>,
}

impl Desk {
    async fn work(mut self, mut orders: mpsc::Receiver<Order>) {
        let mut next = None;
        loop {
            let order = match next.take() {
                Some(order) => order,
                None => match orders.recv().await {
                    Some(order) => order,
                    None => break,
                },
            };
            if self.is_spoilt {
                self.mend().await;
            }
            next = match order {
                Order::Write(write, reply) => {
                    let (group, next) = gather((write, reply), &mut orders);
                    self.commit(group).await;
                    next
                }
                Order::Close => {
                    orders.close();
                    None
                }
                Order::Perform(errand) => {
                    self.perform(*errand).await;
                    None
                }
            };
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "the store's writing connection did not close");
        }
    }

    async fn commit(&mut self, group: Vec<(Box<PreparedWrite>, Answer<Written>)>) {
        let (writes, replies): (Vec<_>, Vec<_>) = group
            .into_iter()
            .map(|(write, reply)| (*write, reply))
            .unzip();
        match group::commit(&mut self.connection, &writes).await {
            Ok(outcome) => {
                for (id, head) in outcome.heads {
                    self.watchers.moved(id, head);
                }
                self.logged(outcome.log);
                if let Some(revision) = outcome.work {
                    self.watchers.worked(revision);
                }
                for (reply, result) in replies.into_iter().zip(outcome.results) {
                    answer(reply, result);
                }
            }
            Err(error) => {
                self.note(&error);
                let error = Shared::new(error);
                for reply in replies {
                    answer(reply, Err(error.for_one()));
                }
            }
        }
    }

    async fn perform(&mut self, errand: Errand) {
        match errand {
            Errand::CreateTask(task, reply) => {
                let done = self.create_task(&task).await;
                self.settle(reply, done);
            }
            Errand::Claim(claim, lease, now, reply) => {
                let done = self.claim(&claim, &lease, now).await;
                self.settle(reply, done);
            }
            Errand::Renew(lease, reply) => {
                let done = claims::renew(&mut self.connection, &lease).await;
                self.settle(reply, done);
            }
            Errand::Release(engine, reply) => {
                let done = self.release(&engine).await;
                self.settle(reply, done);
            }
            Errand::SaveDraft(draft, kept, reply) => {
                let done = self.save_draft(&draft, kept.as_ref()).await;
                self.settle(reply, done);
            }
            Errand::DeleteDraft(id, reply) => {
                let done = drafts::delete(&mut self.connection, id).await;
                self.settle(reply, done);
            }
            Errand::SetDefaultBranch(address, branch, reply) => {
                let done =
                    repositories::set_default_branch(&mut self.connection, &address, &branch).await;
                self.settle(reply, done);
            }
            Errand::SaveReply(kept, now, reply) => {
                let done = self.save_reply(&kept, now).await;
                self.settle(reply, done);
            }
            Errand::SweepReplies(now, reply) => {
                let done = replies::sweep(&mut self.connection, now).await;
                self.settle(reply, done);
            }
            Errand::SaveApiKey(key, reply) => {
                let done = api_keys::save(&mut self.connection, &key).await;
                self.settle(reply, done);
            }
        }
    }

    /// Gives an errand's result to whoever ordered it.
    fn settle<T>(&mut self, reply: Answer<T>, result: Result<T, StoreError>) {
        if let Err(error) = &result {
            self.note(error);
        }
        answer(reply, result);
    }

    /// After a failure of the backend nobody can say what is left of a transaction, so the
    /// connection is not used again.
    fn note(&mut self, error: &StoreError) {
        self.is_spoilt |= matches!(
            error,
            StoreError::Backend { .. } | StoreError::Unavailable { .. }
        );
    }

    /// Replaces a connection that has failed. While that fails too, the old one is kept, and says
    /// itself what is wrong.
    async fn mend(&mut self) {
        match open::writer(&self.path).await {
            Ok(fresh) => {
                let old = std::mem::replace(&mut self.connection, fresh);
                self.is_spoilt = false;
                if let Err(error) = old.close().await {
                    tracing::debug!(%error, "a connection that had failed did not close");
                }
            }
            Err(error) => tracing::warn!(%error, "the store's file cannot be opened again"),
        }
    }

    async fn begin(&mut self) -> Result<Transaction<'_, Sqlite>, StoreError> {
        self.connection
            .begin_with("BEGIN IMMEDIATE")
            .await
            .during("begin a transaction")
    }

    async fn create_task(&mut self, task: &PreparedTask) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        let log = tasks::create(&mut transaction, task).await?;
        let revision = watch::count_up(&mut transaction).await?;
        transaction.commit().await.during("create a task")?;
        self.logged(log);
        self.watchers.worked(revision);
        Ok(())
    }

    async fn save_draft(&mut self, draft: &Draft, reply: Option<&Reply>) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        replies::keep(&mut transaction, reply, draft.updated_at).await?;
        drafts::save(&mut transaction, draft).await?;
        transaction.commit().await.during("save a draft")
    }

    async fn save_reply(&mut self, reply: &Reply, now: Timestamp) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        replies::keep(&mut transaction, Some(reply), now).await?;
        transaction.commit().await.during("keep a reply")
    }

    /// Tells where the log of all sessions has come to, if it has moved.
    fn logged(&self, log: Option<LogPosition>) {
        if let Some(end) = log {
            self.watchers.logged(end);
        }
    }

    async fn claim(
        &mut self,
        claim: &Claim,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<Box<SessionRecord>>, StoreError> {
        let mut transaction = self.begin().await?;
        let Some(claimed) = claims::claim(&mut transaction, claim, lease, now).await? else {
            transaction.rollback().await.during("claim a session")?;
            return Ok(None);
        };
        let revision = watch::count_up(&mut transaction).await?;
        transaction.commit().await.during("claim a session")?;
        let record = claimed.record;
        let head = Head {
            last_seq: record.session.last_seq,
            version: record.version,
        };
        self.watchers.moved(record.id(), head);
        self.logged(claimed.log);
        self.watchers.worked(revision);
        Ok(Some(Box::new(record)))
    }

    async fn release(&mut self, engine: &EngineId) -> Result<(), StoreError> {
        let mut transaction = self.begin().await?;
        if claims::release(&mut transaction, engine).await? {
            let revision = watch::count_up(&mut transaction).await?;
            transaction.commit().await.during("release claims")?;
            self.watchers.worked(revision);
        } else {
            transaction.rollback().await.during("release claims")?;
        }
        Ok(())
    }
}

/// The first write of a group.
type Waiting = (Box<PreparedWrite>, Answer<Written>);

/// The writes that wait behind `first`, with it, as far as one transaction takes them, and the
/// order that ended them.
fn gather(first: Waiting, orders: &mut mpsc::Receiver<Order>) -> (Vec<Waiting>, Option<Order>) {
    let mut bytes = first.0.size();
    let mut group = vec![first];
    while group.len() < GROUP_WRITES && bytes < GROUP_BYTES {
        match orders.try_recv() {
            Ok(Order::Write(write, reply)) => {
                bytes += write.size();
                group.push((write, reply));
            }
            Ok(other) => return (group, Some(other)),
            Err(_) => break,
        }
    }
    (group, None)
}

fn answer<T>(reply: Answer<T>, result: Result<T, StoreError>) {
    if reply.send(result).is_err() {
        // What is committed stands, whether or not somebody still wants to know.
        tracing::trace!("whoever ordered a write has gone");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ah_rest_api_contract::{DraftContent, Timestamp};
    use ulid::Ulid;

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

    #[tokio::test]
    async fn a_full_disk_fails_what_it_meets_and_nothing_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("state.db");
        let mut connection = open::open(&path).await.unwrap().writer;
        // A connection whose file may not grow meets what a full disk gives.
        sqlx::query("PRAGMA max_page_count = 1")
            .execute(&mut connection)
            .await
            .unwrap();
        let watchers = Arc::new(Watchers::new(
            watch::standing(&mut connection).await.unwrap(),
        ));
        let writer = Writer::start(path, connection, watchers);
        let error = writer.save_draft(&draft(1), None).await.unwrap_err();
        assert!(
            matches!(
                error,
                StoreError::Backend { .. } | StoreError::Unavailable { .. }
            ),
            "{error}"
        );
        // By now there is room again.
        writer.save_draft(&draft(2), None).await.unwrap();
        writer.close().await;
    }
}
