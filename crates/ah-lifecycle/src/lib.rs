//! The session machine, as pure functions: from what a session is and what is asked of it to what
//! changes. Nothing here waits, reads or writes.
//!
//! * [`create`] makes a task's sessions; then there is one verb a module, each with a `decide`
//!   that takes a session as it is and gives a [`Decision`] or a [`Refusal`];
//! * [`ingest`] takes in what the session's recorder tells, its [`JournalRecord`]s;
//! * [`leave`] settles what an agent asks leave for;
//! * [`duty`] says what that recorder is to be asked for, from the session's state alone, so that
//!   it is asked for again after a crash;
//! * a [`View`] is a session with all that decisions about it are made on, and a [`Change`] what
//!   becomes of it.
//!
//! Whoever runs sessions runs them by these rules, whatever he keeps them in: the engine, over a
//! store and real processes, and the mock, in memory and on a clock that may be paused.

pub mod answer;
pub mod cancel;
pub mod create;
mod decision;
pub mod duty;
pub mod end;
pub mod expire;
pub mod finish;
pub mod ingest;
pub mod interrupt;
mod journal;
pub mod leave;
pub mod pause;
pub mod prompt;
mod record;
mod request;
pub mod resume;
pub mod start;
pub mod stop;
mod view;
pub mod withdraw;
mod write;

pub use decision::{Change, Decision, Refusal, workspace};
use decision::{StatusDetail, admit, transition};
pub use journal::{AgentEnd, EndCause, Fact, JournalEntry, JournalRecord, TurnOutcome};
pub use record::{
    Ending, EngineId, Fence, JournalPosition, Launch, PermissionRecord, SessionRecord, TurnEnd,
    Version,
};
pub use request::{Request, ShutdownManner};
pub use view::View;
pub use write::{NewEvent, PermissionWrite, PromptWrite, SessionPatch};

#[cfg(test)]
mod tests;
