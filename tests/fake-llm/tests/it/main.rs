//! The model as agents meet it: over HTTP, in each dialect, whole and as a stream, and at fault.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod client;
mod dialects;
mod faults;
mod records;
