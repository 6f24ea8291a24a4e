//! The embedded store of the access point: SQLite, in one file that several processes may open.
//!
//! There is one file per noun of the port, with the implementation of its trait and its queries.
//! `writer` is the one thread per process that writes, on a connection of its own
//! (`synchronous=FULL`, so a write is on disk when its call returns). `group` commits the writes
//! that wait together. Reads use a few read-only connections, which a writer never blocks; those
//! that every client makes are in `direct`, without a hand-over between threads, and `encoded`
//! keeps the JSON of sessions until the next commit. `watch` announces commits, `rows` converts
//! rows to the port's types. Queries are checked against the schema at compile time, also those
//! that `statement` runs without sqlx.

mod append;
mod attachments;
mod claims;
mod direct;
mod drafts;
mod encode;
mod encoded;
mod error;
mod group;
mod keys;
mod log;
mod observe;
mod open;
mod place;
mod queue;
mod receipts;
mod repositories;
mod rows;
mod sessions;
mod statement;
mod store;
mod tasks;
mod transaction;
mod verify;
mod watch;
mod words;
mod writer;

pub use store::SqliteStore;
