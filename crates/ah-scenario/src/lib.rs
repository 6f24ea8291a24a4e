//! Scenario files: what a scripted agent says and does, parsed and resolved without any I/O.
//!
//! A [`Scenario`] is read from YAML (or from a JSON value that was), and resolved against
//! [`Defines`] into a [`Script`]: a flat, typed list of steps, each with the time to wait before
//! it. Whoever plays a script brings the clock, the files and the commands; this crate has none of
//! them, so an agent that works for real and a mock under a paused clock play the same script. A
//! [`Performance`] is what a script comes to where nothing is done for real.
//!
//! The format is described for its users in `docs/scenarios.md`.

mod builtin;
mod defines;
mod error;
mod expression;
mod node;
mod performance;
mod resolve;
mod rules;
mod scenario;
mod script;
mod settings;
mod speed;
mod template;

pub use builtin::{BUILTIN_NAMES, builtin};
pub use defines::{Defines, InvalidDefine};
pub use error::{Place, ScenarioError};
pub use performance::{Cue, Performance};
pub use scenario::Scenario;
pub use script::{
    Action, Assertion, Condition, ExecutionEvent, ExecutionOutput, ExpectedAnswer, FileRead,
    PermissionAsk, Piece, ProgressLine, Script, ScriptedEdit, Step, ToolCall, ToolExecution,
};
pub use settings::{InvalidSettings, Settings};
pub use speed::{InvalidSpeed, Speed};
pub use template::{fill, fill_args};
