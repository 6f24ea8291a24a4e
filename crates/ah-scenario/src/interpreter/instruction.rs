//! The instructions to an agent.

use std::time::Duration;

use ah_lifecycle::TurnOutcome;
use ah_rest_api_contract::{EphemeralEvent, EventPayload};

use crate::{Assertion, PermissionAsk, ScriptedEdit, ToolCall};

/// The next thing that the agent has to do.
#[derive(Clone, Debug, PartialEq)]
pub enum Instruction {
    /// Let this time pass, before scaling.
    Wait(Duration),
    /// Send an event.
    Event(EventPayload),
    /// Send an ephemeral event.
    Ephemeral(EphemeralEvent),
    /// Request permission, and continue after [`Interpreter::answered`](crate::Interpreter::answered).
    Ask {
        /// The name of the request.
        key: String,
        /// The request.
        ask: PermissionAsk,
    },
    /// Use a tool.
    Tool(ScriptedToolUse),
    /// Change a file.
    Edit(ScriptedEdit),
    /// Read a file with a tool, and compare it with the content that the script expects.
    Read {
        /// The use of the tool.
        tool: ScriptedToolUse,
        /// The file, relative to the workspace.
        path: String,
        /// The expected content.
        expected: Option<String>,
    },
    /// Check an assertion. If it does not hold, [`Interpreter::fail`](crate::Interpreter::fail) ends the turn.
    Assert {
        /// The place of the step in the scenario.
        place: String,
        /// The assertion.
        assertion: Assertion,
    },
    /// Do nothing until the request is answered or the turn is interrupted.
    Block,
    /// End the turn.
    EndTurn(TurnOutcome),
    /// Exit with this code.
    Exit(u8),
    /// End by a signal.
    Crash,
}

/// One use of a tool. The prompt and the defines are filled into all texts of the call.
#[derive(Clone, Debug, PartialEq)]
pub struct ScriptedToolUse {
    /// The name of this use.
    pub id: String,
    /// The call.
    pub call: ToolCall,
}
