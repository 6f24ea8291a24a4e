//! The port itself.

use std::collections::{BTreeMap, BTreeSet};

use ah_lifecycle::{
    EngineId, Fence, NewEvent, PermissionRecord, PermissionWrite, PromptWrite, SessionPatch,
    SessionRecord, Version,
};
use ah_rest_api_contract::{
    Draft, DraftId, EventQuery, EventSeq, EventType, LogLevel, Page, PageRequest, Prompt,
    Repository, RepositoryId, Session, SessionEvent, SessionId, SessionQuery, SessionStatus, Task,
    TaskId, Timestamp,
};
use async_trait::async_trait;
use tokio::sync::watch;

use crate::{ApiKey, LogPosition, NewTask, Reply, StoreError};

/// An event as it is stored: its places, what filters ask of it, and its whole wire form as JSON
/// text, which is encoded once, when it is written, and handed on as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    /// The session whose log it is in.
    pub session: SessionId,
    /// Its place in that log.
    pub seq: EventSeq,
    /// Its place among the events of all sessions.
    pub position: LogPosition,
    /// What kind of event it is.
    pub event_type: EventType,
    /// How much it matters; log lines only.
    pub level: Option<LogLevel>,
    /// The wire form of the [`SessionEvent`].
    pub json: String,
}

/// What a write is conditional on. Both are checked when both are given; with neither the write
/// is unconditional.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// The writer still owns the session. Refused as [`StoreError::Fenced`].
    pub fence: Option<Fence>,
    /// Nobody has decided anything since. Refused as [`StoreError::Conflict`]. A write with this
    /// guard is a decision: it increments the version.
    pub version: Option<Version>,
}

/// One change of one session: a patch, the events that tell of it, and what else belongs to it,
/// all or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionWrite {
    /// The session.
    pub session: SessionId,
    /// What it is conditional on.
    pub guard: Guard,
    /// When it is made. It becomes the session's `updatedAt`.
    pub now: Timestamp,
    /// The events, in order. At most 1,000.
    pub events: Vec<NewEvent>,
    /// The fields.
    pub patch: SessionPatch,
    /// The prompts.
    pub prompts: Vec<PromptWrite>,
    /// The permission requests.
    pub permissions: Vec<PermissionWrite>,
    /// What the request that asks for it is replied, when it is to be done only once.
    pub reply: Option<Reply>,
}

impl SessionWrite {
    /// An empty change of `session`, to be filled.
    #[must_use]
    pub fn new(session: SessionId, guard: Guard, now: Timestamp) -> Self {
        Self {
            session,
            guard,
            now,
            events: Vec::new(),
            patch: SessionPatch::default(),
            prompts: Vec::new(),
            permissions: Vec::new(),
            reply: None,
        }
    }
}

/// What a write came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The session's version now.
    pub version: Version,
    /// The place of the last event of the log now.
    pub last_seq: EventSeq,
}

/// Where a session's log and its decisions stand, as a reader is told.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The place of the last event.
    pub last_seq: EventSeq,
    /// The version.
    pub version: Version,
}

/// Who claims sessions, and until when the claim holds unless it is renewed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// The engine.
    pub engine: EngineId,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Which session is to be claimed.
#[derive(Clone, Debug, PartialEq)]
pub enum Claim {
    /// The next queued one, by priority, then age, if fewer than `slots` hold a slot
    /// ([`SessionStatus::holds_slot`]). It goes to *provisioning*, with its `status` event.
    NextQueued {
        /// How many sessions may hold a slot at once.
        slots: u32,
    },
    /// One that holds a slot, was not claimed by this engine, and whose owner's lease has expired
    /// or whose owner is one of `dead`; also one that nobody owns. The oldest first.
    Orphan {
        /// Engines known to be gone, whatever their leases say.
        dead: BTreeSet<EngineId>,
    },
}

/// A store of tasks, sessions, their logs, and drafts.
#[async_trait]
pub trait Store: Send + Sync + 'static {
    /// Creates a task, its sessions, their first events, and its repository if it is a new one;
    /// an old one is used now.
    async fn create_task(&self, task: NewTask) -> Result<(), StoreError>;

    /// The task `id`.
    async fn task(&self, id: TaskId) -> Result<Task, StoreError>;

    /// The session `id`.
    async fn session(&self, id: SessionId) -> Result<SessionRecord, StoreError>;

    /// A page of sessions, newest first.
    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError>;

    /// How many sessions are in each status, hidden ones too. Statuses that none is in are absent.
    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, StoreError>;

    /// Changes one session. See [`SessionWrite`].
    async fn write(&self, write: SessionWrite) -> Result<Written, StoreError>;

    /// At most `limit` events after `after`, oldest first. Few may come although there are more;
    /// none come only when there are none.
    async fn events_after(
        &self,
        id: SessionId,
        after: EventSeq,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError>;

    /// At most `limit` events of all sessions after `after`, in the order in which they were
    /// committed. Few may come although there are more; none come only when there are none.
    async fn all_events_after(
        &self,
        after: LogPosition,
        limit: u32,
    ) -> Result<Vec<EventRow>, StoreError>;

    /// The place of the last event that was committed, of whatever session.
    async fn log_end(&self) -> Result<LogPosition, StoreError>;

    /// A page of the session's history.
    async fn list_events(
        &self,
        id: SessionId,
        query: &EventQuery,
    ) -> Result<Page<SessionEvent>, StoreError>;

    /// The session's prompts, oldest first.
    async fn prompts(&self, id: SessionId) -> Result<Vec<Prompt>, StoreError>;

    /// The session's permission requests, oldest first.
    async fn permissions(&self, id: SessionId) -> Result<Vec<PermissionRecord>, StoreError>;

    /// Claims a session for an engine and increments its fence; `None` when there is none.
    async fn claim(
        &self,
        claim: Claim,
        lease: &Lease,
        now: Timestamp,
    ) -> Result<Option<SessionRecord>, StoreError>;

    /// Prolongs every claim of the lease's engine to its new end.
    async fn renew(&self, lease: &Lease) -> Result<(), StoreError>;

    /// Gives up every claim of an engine, so that another may claim at once.
    async fn release(&self, engine: &EngineId) -> Result<(), StoreError>;

    /// The engines that own sessions now.
    async fn owners(&self) -> Result<BTreeSet<EngineId>, StoreError>;

    /// Where the session's log stands, now and whenever it has moved, whoever moved it: this
    /// process at once, another one within a tenth of a second. The channel carries no events.
    fn watch_session(&self, id: SessionId) -> watch::Receiver<Head>;

    /// The place of the last event of all sessions, now and whenever there is another, as timely as
    /// [`Store::watch_session`].
    fn watch_log(&self) -> watch::Receiver<LogPosition>;

    /// Counts up when a session was created or a status or an owner has changed, whoever did it:
    /// there may be something to claim.
    fn watch_work(&self) -> watch::Receiver<u64>;

    /// The drafts, the last saved first.
    async fn list_drafts(&self, page: PageRequest) -> Result<Page<Draft>, StoreError>;

    /// The draft `id`.
    async fn draft(&self, id: DraftId) -> Result<Draft, StoreError>;

    /// Saves a draft, whether it is new or not; once, when there is a reply to it.
    async fn save_draft(&self, draft: &Draft, reply: Option<Reply>) -> Result<(), StoreError>;

    /// Deletes the draft `id`.
    async fn delete_draft(&self, id: DraftId) -> Result<(), StoreError>;

    /// The repositories that tasks were launched on, the last used first.
    async fn list_repositories(&self, page: PageRequest) -> Result<Page<Repository>, StoreError>;

    /// The repository `id`, with its address as the last task gave it, credentials included.
    async fn repository(&self, id: RepositoryId) -> Result<(Repository, String), StoreError>;

    /// Says which branch the HEAD of a repository names.
    async fn set_default_branch(&self, address: &str, branch: &str) -> Result<(), StoreError>;

    /// The reply of this key, unless there is none or it has expired by `now`.
    async fn reply(&self, key: &str, now: Timestamp) -> Result<Option<Reply>, StoreError>;

    /// Keeps the reply to a request that does no work, as one that was refused.
    async fn save_reply(&self, reply: Reply, now: Timestamp) -> Result<(), StoreError>;

    /// Forgets the replies that have expired by `now`, and says how many.
    async fn sweep_replies(&self, now: Timestamp) -> Result<u64, StoreError>;

    /// Saves a key, whether it is new or not.
    async fn save_api_key(&self, key: ApiKey) -> Result<(), StoreError>;

    /// Every key, revoked ones too, the oldest first.
    async fn api_keys(&self) -> Result<Vec<ApiKey>, StoreError>;

    /// The key that is named `id`, revoked or not.
    async fn api_key(&self, id: &str) -> Result<ApiKey, StoreError>;

    /// Writes what is under way and closes. Every later verb is [`StoreError::Unavailable`].
    async fn close(&self);
}
