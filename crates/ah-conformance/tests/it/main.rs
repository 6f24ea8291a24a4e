//! Tests of the suite: it rejects implementations with a fault.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod faults;
mod mutant;
