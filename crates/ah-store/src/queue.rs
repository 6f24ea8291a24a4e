//! The queue of a session: prompts for the agent, and permission requests for a person.

use ah_lifecycle::PermissionRecord;
use ah_rest_api_contract::{Page, PageRequest, PermissionId, Prompt, PromptId, SessionId};
use async_trait::async_trait;

use crate::StoreError;

/// The prompts and permission requests of a session that are not settled.
///
/// Its size does not grow with the length of the session.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pending {
    /// The queued prompts, and those withdrawn since the agent last took one from the queue,
    /// oldest first. A recorder may still hold a withdrawn prompt, but only until it delivers a
    /// later one.
    pub prompts: Vec<Prompt>,
    /// The permission requests that are not resolved, oldest first.
    pub permissions: Vec<PermissionRecord>,
}

/// The prompts and permission requests of sessions.
///
/// [`Sessions::write`](crate::Sessions::write) changes them.
#[async_trait]
pub trait Queue: Send + Sync {
    /// Returns a page of the prompts of a session, oldest first. New prompts do not move the others.
    async fn list_prompts(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<Prompt>, StoreError>;

    /// Returns a page of the permission requests of a session, oldest first. New requests do not
    /// move the others.
    async fn list_permissions(
        &self,
        id: SessionId,
        page: PageRequest,
    ) -> Result<Page<PermissionRecord>, StoreError>;

    /// Returns the prompts and permission requests of a session that are not settled.
    async fn pending(&self, id: SessionId) -> Result<Pending, StoreError>;

    /// Returns a prompt of a session, if it has one with this id.
    async fn prompt(&self, id: SessionId, prompt: PromptId) -> Result<Option<Prompt>, StoreError>;

    /// Returns a permission request of a session, if it has one with this id.
    async fn permission(
        &self,
        id: SessionId,
        request: PermissionId,
    ) -> Result<Option<PermissionRecord>, StoreError>;
}
