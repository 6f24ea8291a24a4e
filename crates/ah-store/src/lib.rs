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
pub use error::{Inconsistency, StoreError};
pub use record::{
    DraftRecord, Ending, EngineId, Fence, JournalPosition, Launch, LogPosition, NewTask,
    PermissionRecord, SessionRecord, TurnEnd, Version,
};
pub use reply::Reply;
pub use verbs::{
    Claim, EventRow, Guard, Head, Lease, NewEvent, PermissionWrite, PromptWrite, SessionPatch,
    SessionWrite, Store, Written,
};
