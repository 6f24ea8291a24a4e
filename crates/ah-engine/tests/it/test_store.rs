//! A store whose reads are counted, and whose operations tests can delay.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use ah_rest_api_contract::{
    AttachmentContent, AttachmentHash, Draft, DraftId, EncodedJson, EncodedPage, EventQuery,
    EventSeq, Page, PageRequest, PermissionId, Project, Prompt, PromptId, Receipt, Repository,
    RepositoryId, RepositoryQuery, Session, SessionEvent, SessionId, SessionQuery, SessionStatus,
    Task, TaskId, Timestamp, WorkspaceQuery,
};
use ah_store::{
    ApiKey, Attachments, Claim, Claims, Drafts, EngineId, EventLog, EventRow, Head, Keys, Lease,
    LogPosition, NewTask, Pending, PermissionRecord, Queue, Receipts, Repositories, SessionRecord,
    SessionWrite, Sessions, Store, StoreError, Tasks, Written,
};
use async_trait::async_trait;
use futures::FutureExt as _;
use futures::future::BoxFuture;
use tokio::sync::{Semaphore, watch};

/// The number of reads of events at a time.
pub(crate) const READS_MAX: usize = 64;

/// A store that counts the rows of prompts and permission requests that it returns.
pub(crate) struct TestStore {
    inner: Arc<dyn Store>,
    rows: AtomicU64,
    reads: AtomicU64,
    /// The work of a test before the next command is written. The lock is held only during an
    /// access.
    before_command: Mutex<Option<BoxFuture<'static, ()>>>,
    /// A permit for reads of events, which a test can take.
    pub(crate) event_reads: Semaphore,
}

impl TestStore {
    pub(crate) fn new(inner: Arc<dyn Store>) -> Self {
        Self {
            inner,
            rows: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            before_command: Mutex::default(),
            event_reads: Semaphore::new(READS_MAX),
        }
    }

    /// Runs `work` after the next decision of a command, before its write.
    pub(crate) fn before_next_command(&self, work: impl Future<Output = ()> + Send + 'static) {
        *self.before_command.lock().unwrap() = Some(work.boxed());
    }

    /// Returns the number of reads and the most rows of one read since the last call.
    pub(crate) fn take(&self) -> (u64, u64) {
        (
            self.reads.swap(0, Ordering::SeqCst),
            self.rows.swap(0, Ordering::SeqCst),
        )
    }

    async fn command_work(&self, write: &SessionWrite) {
        let is_command = write.guard.is_decision() && write.guard.fence.is_none();
        let work = is_command.then(|| self.before_command.lock().unwrap().take());
        if let Some(work) = work.flatten() {
            work.await;
        }
    }

    async fn read_permit(&self) {
        drop(self.event_reads.acquire().await.unwrap());
    }

    fn count<T>(&self, result: T, rows: impl FnOnce(&T) -> usize) -> T {
        self.reads.fetch_add(1, Ordering::SeqCst);
        self.rows.fetch_max(rows(&result) as u64, Ordering::SeqCst);
        result
    }
}

macro_rules! forward {
    ($($trait:ident {
        $(async $name:ident($($argument:ident: $type:ty),*) -> $result:ty
            $(, after $delay:ident($($input:expr)?))?;)*
        $(sync $watch:ident($($watched:ident: $watched_type:ty)?) -> $value:ty;)*
    })+) => {$(
        #[async_trait]
        impl $trait for TestStore {
            $(
                async fn $name(&self, $($argument: $type),*) -> Result<$result, StoreError> {
                    $(self.$delay($($input)?).await;)?
                    self.inner.$name($($argument),*).await
                }
            )*
            $(
                fn $watch(&self, $($watched: $watched_type)?) -> watch::Receiver<$value> {
                    self.inner.$watch($($watched)?)
                }
            )*
        }
    )+};
}

forward! {
    Tasks {
        async create_task(task: NewTask) -> ();
        async task(id: TaskId) -> Task;
    }
    Sessions {
        async session(id: SessionId) -> SessionRecord;
        async list_sessions(query: &SessionQuery) -> Page<Session>;
        async encoded_session(id: SessionId) -> EncodedJson;
        async encoded_sessions(query: &SessionQuery) -> EncodedPage;
        async list_projects(page: PageRequest) -> Page<Project>;
        async list_with_workspaces(query: &WorkspaceQuery) -> Page<Session>;
        async count_sessions() -> BTreeMap<SessionStatus, u64>;
        async write(write: SessionWrite) -> Written, after command_work(&write);
    }
    Claims {
        async claim(claim: Claim, lease: &Lease, now: Timestamp) -> Option<SessionRecord>;
        async renew(lease: &Lease) -> ();
        async release(engine: &EngineId) -> ();
        async owners() -> BTreeSet<EngineId>;
        sync watch_work() -> u64;
    }
    EventLog {
        async events_after(id: SessionId, after: EventSeq, limit: u32) -> Vec<EventRow>, after read_permit();
        async all_events_after(after: LogPosition, limit: u32) -> Vec<EventRow>;
        async log_begin() -> LogPosition;
        async log_before(id: SessionId) -> LogPosition;
        async log_end() -> LogPosition;
        async list_events(id: SessionId, query: &EventQuery) -> Page<SessionEvent>;
        sync watch_session(id: SessionId) -> Head;
        sync watch_log() -> LogPosition;
    }
    Attachments {
        async attachment(id: SessionId, hash: AttachmentHash) -> AttachmentContent;
    }
    Drafts {
        async list_drafts(page: PageRequest) -> Page<Draft>;
        async draft(id: DraftId) -> Draft;
        async save_draft(draft: &Draft, receipt: Option<Receipt>) -> ();
        async delete_draft(id: DraftId) -> ();
    }
    Repositories {
        async list_repositories(query: &RepositoryQuery) -> Page<Repository>;
        async repository(id: RepositoryId) -> (Repository, String);
        async set_default_branch(address: &str, branch: &str) -> ();
    }
    Receipts {
        async receipt(key: &str, now: Timestamp) -> Option<Receipt>;
        async save_receipt(receipt: Receipt, now: Timestamp) -> ();
        async sweep_receipts(now: Timestamp) -> u64;
    }
    Keys {
        async save_api_key(key: ApiKey) -> ();
        async api_keys() -> Vec<ApiKey>;
        async api_key(id: &str) -> ApiKey;
    }
}

#[async_trait]
impl Queue for TestStore {
    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, StoreError> {
        let prompts = self.inner.list_prompts(id, page).await?;
        Ok(self.count(prompts, |page| page.items.len()))
    }

    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<PermissionRecord>, StoreError> {
        let permissions = self.inner.list_permissions(id, page).await?;
        Ok(self.count(permissions, |page| page.items.len()))
    }

    async fn pending(&self, id: SessionId) -> Result<Pending, StoreError> {
        let pending = self.inner.pending(id).await?;
        Ok(self.count(pending, |it| it.prompts.len() + it.permissions.len()))
    }

    async fn prompt(&self, id: SessionId, prompt: PromptId) -> Result<Option<Prompt>, StoreError> {
        let prompt = self.inner.prompt(id, prompt).await?;
        Ok(self.count(prompt, |it| usize::from(it.is_some())))
    }

    async fn permission(
        &self,
        id: SessionId,
        request: PermissionId,
    ) -> Result<Option<PermissionRecord>, StoreError> {
        let permission = self.inner.permission(id, request).await?;
        Ok(self.count(permission, |it| usize::from(it.is_some())))
    }
}

#[async_trait]
impl Store for TestStore {
    fn lost(&self) -> Option<String> {
        self.inner.lost()
    }

    async fn verify(&self) -> Result<&'static str, StoreError> {
        self.inner.verify().await
    }

    async fn close(&self) {
        self.inner.close().await;
    }
}
