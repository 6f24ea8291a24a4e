//! The port's verbs, each handed to whoever does it: reading ones to a reading connection,
//! writing ones to the writer.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use ah_rest_api_contract::{
    Draft, DraftId, EventQuery, EventSeq, Page, PageRequest, Prompt, Repository, RepositoryId,
    Session, SessionEvent, SessionId, SessionQuery, SessionStatus, Task, TaskId, Timestamp,
};
use ah_store::{
    ApiKey, Claim, EngineId, EventRow, Head, Lease, LogPosition, NewTask, PermissionRecord, Reply,
    SessionRecord, SessionWrite, Store, StoreError, Written,
};
use async_trait::async_trait;
use sqlx::pool::PoolConnection;
use sqlx::{Sqlite, SqlitePool};
use tokio::sync::watch;

use crate::error::During as _;
use crate::open::{self, Connections};
use crate::tasks::PreparedTask;
use crate::watch::{Lookout, Watchers};
use crate::writer::Writer;
use crate::{api_keys, claims, drafts, events, queue, replies, repositories, sessions, tasks};

/// A store in one SQLite file.
///
/// Any number of processes may open the same file. [`Store::close`] writes what is under way;
/// what a verb has returned is durable without it.
pub struct SqliteStore {
    writer: Writer,
    readers: SqlitePool,
    watchers: Arc<Watchers>,
    lookout: Lookout,
}

impl SqliteStore {
    /// Opens the file at `path`, which is made if there is none (its folder is not), readable by
    /// its owner alone, and brings it to the newest schema.
    ///
    /// # Errors
    /// When the file cannot be made or read, is of a newer program, or stays locked for over ten
    /// seconds.
    pub async fn open(path: &Path) -> Result<Self, StoreError> {
        let Connections {
            writer,
            readers,
            mut lookout,
        } = open::open(path).await?;
        let standing = crate::watch::standing(&mut lookout).await?;
        let watchers = Arc::new(Watchers::new(standing));
        Ok(Self {
            lookout: Lookout::start(lookout, Arc::clone(&watchers)),
            writer: Writer::start(path.to_owned(), writer, Arc::clone(&watchers)),
            readers,
            watchers,
        })
    }

    async fn reader(&self) -> Result<PoolConnection<Sqlite>, StoreError> {
        self.readers.acquire().await.during("get a connection")
    }
}

impl Drop for SqliteStore {
    /// Ends the tasks: the writer once it has done what was ordered, the lookout at once.
    fn drop(&mut self) {
        self.watchers.close();
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn create_task(&self, task: NewTask) -> Result<(), StoreError> {
        self.writer.create_task(PreparedTask::new(task)?).await
    }

    async fn task(&self, id: TaskId) -> Result<Task, StoreError> {
        tasks::get(&mut *self.reader().await?, id).await
    }

    async fn session(&self, id: SessionId) -> Result<SessionRecord, StoreError> {
        sessions::record(&mut *self.reader().await?, id).await
    }

    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError> {
        sessions::list(&mut *self.reader().await?, query).await
    }

    async fn write(&self, write: SessionWrite) -> Result<Written, StoreError> {
        self.writer.write(write).await
    }

    async fn events_after(
        &self,
        id: SessionId,
        after: EventSeq,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        events::after(&mut *self.reader().await?, id, after, limit).await
    }

    async fn all_events_after(
        &self,
        after: LogPosition,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError> {
        events::all_after(&mut *self.reader().await?, after, limit).await
    }

    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, StoreError> {
        sessions::counts(&mut *self.reader().await?).await
    }

    async fn log_end(&self) -> Result<LogPosition, StoreError> {
        events::end(&mut *self.reader().await?).await
    }

    async fn list_events(
        &self,
        id: SessionId,
        query: &EventQuery,
    ) -> Result<Page<SessionEvent>, StoreError> {
        events::list(&mut *self.reader().await?, id, query).await
    }

    async fn prompts(&self, id: SessionId) -> Result<Vec<Prompt>, StoreError> {
        queue::prompts(&mut *self.reader().await?, id).await
    }

    async fn permissions(&self, id: SessionId) -> Result<Vec<PermissionRecord>, StoreError> {
        queue::permissions(&mut *self.reader().await?, id).await
    }

    async fn claim(
        &self,
        claim: Claim,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError> {
        self.writer.claim(claim, lease, now).await
    }

    async fn renew(&self, lease: &Lease) -> Result<(), StoreError> {
        self.writer.renew(lease).await
    }

    async fn release(&self, engine: &EngineId) -> Result<(), StoreError> {
        self.writer.release(engine).await
    }

    async fn owners(&self) -> Result<BTreeSet<EngineId>, StoreError> {
        claims::owners(&mut *self.reader().await?).await
    }

    fn watch_session(&self, id: SessionId) -> watch::Receiver<Head> {
        self.watchers.session(id)
    }

    fn watch_log(&self) -> watch::Receiver<LogPosition> {
        self.watchers.log()
    }

    fn watch_work(&self) -> watch::Receiver<u64> {
        self.watchers.work()
    }

    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, StoreError> {
        drafts::list(&mut *self.reader().await?, page).await
    }

    async fn draft(&self, id: DraftId) -> Result<Draft, StoreError> {
        drafts::get(&mut *self.reader().await?, id).await
    }

    async fn save_draft(&self, draft: &Draft, reply: Option<Reply>) -> Result<(), StoreError> {
        self.writer.save_draft(draft, reply).await
    }

    async fn delete_draft(&self, id: DraftId) -> Result<(), StoreError> {
        self.writer.delete_draft(id).await
    }

    async fn list_repositories(&self, page: PageRequest) -> Result<Page<Repository>, StoreError> {
        repositories::list(&mut *self.reader().await?, page).await
    }

    async fn repository(&self, id: RepositoryId) -> Result<(Repository, String), StoreError> {
        repositories::get(&mut *self.reader().await?, id).await
    }

    async fn set_default_branch(&self, address: &str, branch: &str) -> Result<(), StoreError> {
        self.writer.set_default_branch(address, branch).await
    }

    async fn reply(&self, key: &str, now: Timestamp) -> Result<Option<Reply>, StoreError> {
        replies::get(&mut *self.reader().await?, key, now).await
    }

    async fn save_reply(&self, reply: Reply, now: Timestamp) -> Result<(), StoreError> {
        self.writer.save_reply(reply, now).await
    }

    async fn sweep_replies(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.writer.sweep_replies(now).await
    }

    async fn save_api_key(&self, key: ApiKey) -> Result<(), StoreError> {
        self.writer.save_api_key(key).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError> {
        api_keys::list(&mut *self.reader().await?).await
    }

    async fn api_key(&self, id: &str) -> Result<ApiKey, StoreError> {
        api_keys::get(&mut *self.reader().await?, id).await
    }

    async fn close(&self) {
        self.watchers.close();
        self.lookout.ended().await;
        self.readers.close().await;
        // The last connection to close takes the write-ahead log into the file, which those that
        // only read cannot.
        self.writer.close().await;
    }
}
