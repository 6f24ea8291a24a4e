//! The whole port.

use std::time::Duration;

use async_trait::async_trait;

use crate::{
    Attachments, Claims, Drafts, EventLog, Keys, Queue, Receipts, Repositories, Sessions,
    StoreError, Tasks,
};

/// The maximum time of a look for damage.
pub const VERIFY_MAX: Duration = Duration::from_secs(3);

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

    /// Looks for damage in the storage, for at most [`VERIFY_MAX`]. Returns what was found in order.
    ///
    /// # Errors
    /// [`StoreError::Backend`](crate::StoreError::Backend) has the damage as its cause.
    async fn verify(&self) -> Result<&'static str, StoreError>;
}
