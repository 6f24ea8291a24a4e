//! The whole system as a user has it: the real `ah`, real repositories, real processes.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod access_point;
mod crashes;
mod crowd;
mod processes;
mod setting;
mod spine;
