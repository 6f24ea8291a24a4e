//! Tests of the recorder with real processes, observed through `/proc`.
#![expect(
    clippy::unwrap_used,
    reason = "all of this crate is tests; the lint knows only those in `#[test]` itself"
)]

mod acp;
mod acp_faults;
mod attending;
mod beginnings;
mod endings;
mod fixture;
mod homes;
mod limits;
mod nesting;
mod pausing;
mod permissions;
mod scenario;
mod turns;
