//! Sessions: reads, and the one write.

use std::collections::BTreeMap;

use ah_lifecycle::{
    AttachmentPart, Fence, NewEvent, PermissionWrite, PromptWrite, SessionPatch, SessionRecord,
    SessionVersion,
};
use ah_rest_api_contract::{
    EncodedJson, EncodedPage, EventSeq, Page, PageRequest, Project, Receipt, Session, SessionId,
    SessionQuery, SessionStatus, Timestamp, WorkspaceQuery,
};
use async_trait::async_trait;

use crate::StoreError;

/// The conditions of a write. A write without conditions is unconditional; one with several is
/// checked against all of them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guard {
    /// The writer still owns the session. Refused as [`StoreError::Fenced`].
    pub fence: Option<Fence>,
    /// No decision was written since this version. Refused as [`StoreError::Conflict`]. A write
    /// with this guard is a decision and increments the version.
    pub version: Option<SessionVersion>,
    /// The session takes prompts: its status admits them, and its end is not decided. Refused as
    /// [`StoreError::Conflict`]. A write with this guard is a decision that does not depend on
    /// others. It increments the version.
    pub takes_prompts: bool,
}

impl Guard {
    /// Returns true if a write with this guard is a decision.
    #[must_use]
    pub const fn is_decision(&self) -> bool {
        self.version.is_some() || self.takes_prompts
    }
}

/// One change of one session: a patch, its events, and the rows that belong to it. The store
/// writes all of it or nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionWrite {
    /// The session.
    pub session: SessionId,
    /// The conditions.
    pub guard: Guard,
    /// The time of the change. It becomes the session's `updatedAt`.
    pub now: Timestamp,
    /// The events, in order. At most 1,000.
    pub events: Vec<NewEvent>,
    /// The fields.
    pub patch: SessionPatch,
    /// The prompts.
    pub prompts: Vec<PromptWrite>,
    /// The permission requests.
    pub permissions: Vec<PermissionWrite>,
    /// The parts of attachments. A part that is stored already is ignored.
    pub attachments: Vec<AttachmentPart>,
    /// The receipt to keep with the work, for a request that has an idempotency key.
    pub receipt: Option<Receipt>,
    /// True if the result is to contain the session after the change. The JSON of the session is
    /// then appended to the bytes of the receipt.
    pub returns_session: bool,
}

impl SessionWrite {
    /// Creates an empty change of `session`.
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
            attachments: Vec::new(),
            receipt: None,
            returns_session: false,
        }
    }
}

/// The result of a write.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    /// The session's version after the write.
    pub version: SessionVersion,
    /// The number of the last event of its log.
    pub last_seq: EventSeq,
    /// The session as of the commit, for a write with [`SessionWrite::returns_session`]. It
    /// includes the write and all events before it, and possibly writes of the same commit after
    /// it.
    pub session: Option<Box<Session>>,
}

/// The sessions.
#[async_trait]
pub trait Sessions: Send + Sync {
    /// Returns the session `id`.
    async fn session(&self, id: SessionId) -> Result<SessionRecord, StoreError>;

    /// Returns a page of sessions, newest first.
    async fn list_sessions(&self, query: &SessionQuery) -> Result<Page<Session>, StoreError>;

    /// Returns the JSON of the session `id` as clients see it.
    async fn encoded_session(&self, id: SessionId) -> Result<EncodedJson, StoreError>;

    /// Returns the JSON of the page of [`Sessions::list_sessions`].
    async fn encoded_sessions(&self, query: &SessionQuery) -> Result<EncodedPage, StoreError>;

    /// Counts the sessions of each status, hidden ones included. A status without sessions is
    /// absent.
    async fn count_sessions(&self) -> Result<BTreeMap<SessionStatus, u64>, StoreError>;

    /// Returns a page of the projects that sessions belong to, the last used first.
    async fn list_projects(&self, page: PageRequest) -> Result<Page<Project>, StoreError>;

    /// Returns a page of the sessions that have a workspace and are not hidden, the newest first.
    async fn list_with_workspaces(
        &self,
        query: &WorkspaceQuery,
    ) -> Result<Page<Session>, StoreError>;

    /// Changes one session. See [`SessionWrite`].
    async fn write(&self, write: SessionWrite) -> Result<Written, StoreError>;
}
