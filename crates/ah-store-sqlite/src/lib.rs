//! The embedded store of the access point: SQLite, in one file that several processes may open.
//!
//! One task of each process writes, on a connection of its own, and commits what waits as one
//! transaction (`synchronous=FULL`, so what a verb has returned is on the disk). The
//! others read, through a few read-only connections that a writer never blocks. Queries are
//! checked against the schema when the crate is compiled.

mod api_keys;
mod claims;
mod drafts;
mod encode;
mod error;
mod events;
mod group;
mod open;
mod queue;
mod replies;
mod repositories;
mod rows;
mod sessions;
mod store;
mod tasks;
mod watch;
mod words;
mod writer;

pub use store::SqliteStore;
