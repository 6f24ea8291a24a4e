//! The model over HTTP: each dialect, complete and streamed, and with faults.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod dialects;
mod faults;
mod records;
