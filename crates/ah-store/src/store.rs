//! The whole port.

use async_trait::async_trait;

use crate::{
    Attachments, Claims, Drafts, EventLog, Keys, Queue, Receipts, Repositories, Sessions, Tasks,
};

/// A store of everything that an access point keeps.
#[async_trait]
pub trait Store:
    Tasks
    + Sessions
    + Claims
    + EventLog
    + Attachments
    + Queue
    + Drafts
    + Repositories
    + Receipts
    + Keys
    + 'static
{
    /// Commits the writes in progress and closes the store. Every later call fails as
    /// [`StoreError::Unavailable`](crate::StoreError::Unavailable).
    async fn close(&self);

    /// Returns the reason that the storage is no longer the one that was opened, if so. Whatever is
    /// written then is lost with this handle.
    fn lost(&self) -> Option<String>;
}
