//! Scenario files: the script of an agent, parsed and resolved without any I/O.
//!
//! A [`Scenario`] is read from YAML (or from an equivalent JSON value), and resolved with
//! [`Defines`] into a [`Script`]: a flat, typed list of steps, each with the delay before it. The
//! player of a script provides the clock, the files and the commands. This crate has none of them,
//! so that an agent with real effects and a mock on a paused clock play the same script. A
//! [`Performance`] plays a script without real effects.
//!
//! `docs/scenarios.md` describes the format for users.

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
