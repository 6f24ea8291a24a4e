//! The session state machine, as pure functions: from the state of a session and a request to the
//! change that follows. Nothing here waits, reads or writes.
//!
//! * [`create`] makes the sessions of a task. Each other verb is a module with a `decide` that
//!   takes the session and returns a [`Decision`] or a [`Refusal`].
//! * [`ingest`] applies the [`JournalRecord`]s of the session's recorder.
//! * [`turns`] is the pure half of that recorder: the turns, prompts and permission requests of the
//!   agent.
//! * [`permission`] resolves permission requests.
//! * [`duty`] derives the requests that are due to the recorder from the session's state alone, so
//!   that they are repeated after a crash.
//! * A [`View`] is a session with everything that decisions depend on. A [`Change`] is the result
//!   of a decision.
//!
//! The engine runs sessions by these rules over a store and real processes; the mock runs them in
//! memory, on a clock that may be paused.

pub mod answer;
mod attachment;
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
pub mod pause;
pub mod permission;
pub mod prompt;
mod record;
mod request;
pub mod resume;
pub mod start;
pub mod stop;
pub mod storing;
pub mod turns;
mod view;
pub mod withdraw;
mod write;

pub use attachment::AttachmentPart;
pub use decision::{Change, Decision, Refusal, readable_workspace, workspace};
use decision::{StatusDetail, admit, transition};
pub use journal::{AgentEnd, EndCause, Fact, JournalEntry, JournalRecord, TurnOutcome};
pub use record::{
    Ending, EngineId, Fence, JournalPosition, Launch, PermissionRecord, SessionRecord,
    SessionVersion, TurnEnd,
};
pub use request::{Request, ShutdownManner};
pub use view::View;
pub use write::{NewEvent, PermissionWrite, PromptWrite, SessionPatch};

#[cfg(test)]
mod tests;
