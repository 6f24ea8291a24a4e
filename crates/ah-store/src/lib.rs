//! The storage port: what the engine needs of a store, in verbs, not tables.
//!
//! One verb is one transaction inside one backend, so that how a backend locks, numbers and
//! retries never leaks out. A session changes in one way only, [`Store::write`]: conditionally,
//! with the events that tell of the change, all or nothing. What is written is durable when the
//! verb returns, and seen by nobody before.
//!
//! The crate knows no SQL. It knows tokio for one thing, the watch channel by which a reader
//! learns that there is something to read.

mod api_key;
mod error;
mod record;
mod reply;
#[cfg(feature = "suite")]
pub mod suite;
mod verbs;

pub use api_key::ApiKey;
// What sessions are and how they change is the machine's to say; a store keeps it.
pub use ah_lifecycle::{
    Ending, EngineId, Fence, JournalPosition, Launch, NewEvent, PermissionRecord, PermissionWrite,
    PromptWrite, SessionPatch, SessionRecord, TurnEnd, Version,
};
pub use error::{Inconsistency, StoreError};
pub use record::{DraftRecord, LogPosition, NewTask};
pub use reply::Reply;
pub use verbs::{Claim, EventRow, Guard, Head, Lease, SessionWrite, Store, Written};
