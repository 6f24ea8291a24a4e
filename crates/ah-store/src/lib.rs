//! The storage port of the access point, as verbs rather than tables.
//!
//! There is one small trait per noun, in a file of its own with the types that belong to it.
//! [`Store`] is all of them together:
//!
//! | trait | owns |
//! |---|---|
//! | [`Tasks`] | tasks and the creation of their sessions |
//! | [`Sessions`] | sessions, their lists, and their only write |
//! | [`Claims`] | owners, leases and fences |
//! | [`EventLog`] | the events, and the channels that announce new ones |
//! | [`Queue`] | prompts and permission requests |
//! | [`Attachments`] | the images, sounds and documents of sessions |
//! | [`Drafts`] | drafts of tasks |
//! | [`Repositories`] | the repositories of tasks |
//! | [`Receipts`] | receipts by idempotency key |
//! | [`Keys`] | API keys |
//!
//! One verb is one transaction inside one backend, so that locking, numbering and retries stay
//! private to it. A session changes in one way only, [`Sessions::write`]: conditionally, together
//! with the events of the change, all or nothing. A write is durable when its call returns, and
//! no reader sees it earlier.
//!
//! The `suite` module has the test cases of each trait, in a file of the same name. A backend
//! runs them all with `store_suite!`.
//!
//! The crate contains no SQL. It uses tokio for the watch channels only.

mod attachments;
mod claims;
mod drafts;
mod error;
mod keys;
mod log;
pub mod metrics;
mod queue;
mod receipts;
mod repositories;
mod sessions;
mod store;
#[cfg(feature = "suite")]
pub mod suite;
mod tasks;

// The session machine defines sessions and their changes; a store keeps them.
pub use ah_lifecycle::{
    AttachmentPart, Ending, EngineId, Fence, JournalPosition, Launch, NewEvent, PermissionRecord,
    PermissionWrite, PromptWrite, SessionPatch, SessionRecord, SessionVersion, TurnEnd,
};
pub use attachments::Attachments;
pub use claims::{Claim, Claims, Lease};
pub use drafts::Drafts;
pub use error::{Inconsistency, StoreError};
pub use keys::{ApiKey, Keys};
pub use log::{EventLog, EventRow, Head, LogPosition, READ_BYTES};
pub use queue::{Pending, Queue};
pub use receipts::Receipts;
pub use repositories::Repositories;
pub use sessions::{Guard, SessionWrite, Sessions, Written};
pub use store::{Store, VERIFY_MAX};
pub use tasks::{NewTask, Tasks};
