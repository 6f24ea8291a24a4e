//! Scenario files: the script of a scripted agent, parsed and resolved without any I/O.
//!
//! A [`Scenario`] is read from YAML (or from a JSON value that was), and resolved against
//! [`Defines`] into a [`Script`]: a flat, typed list of steps, each with the time to wait before
//! it. The one [`Interpreter`] turns a script, prompts and answers into [`Instruction`]s. The
//! built-in agent of `ah-agents` carries them out with real files and commands; a
//! [`ScriptedAgent`] plays them in memory, for the mock and for tests. Time, files and commands
//! belong to the caller.
//!
//! `docs/scenarios.md` describes the format for users.

mod agent;
mod builtin;
mod catalog;
mod defines;
mod entries;
mod error;
mod expression;
mod interpreter;
mod node;
mod resolve;
mod rules;
mod scenario;
mod script;
mod settings;
mod speed;
mod template;

pub use agent::{AgentStep, ScriptedAgent};
pub use builtin::{BUILTIN_NAMES, builtin};
pub use catalog::{AGENT_TYPE, agent, check_selection};
pub use defines::{Defines, InvalidDefine};
pub use error::{Location, ScenarioError};
pub use interpreter::{Instruction, Interpreter, ScriptedToolUse};
pub use scenario::Scenario;
pub use script::{
    Assertion, Condition, ExecutionEvent, ExecutionOutput, ExpectedAnswer, FileRead, PermissionAsk,
    Piece, ProgressLine, Script, ScriptStep, ScriptedEdit, StepAction, ToolCall, ToolExecution,
    UnknownEntry,
};
pub use settings::{InvalidSettings, Settings};
pub use speed::{InvalidSpeed, Speed};
pub use template::{fill, fill_args};
