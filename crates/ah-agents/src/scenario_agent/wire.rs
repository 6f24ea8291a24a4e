//! What the scenario agent and its driver say to each other: one JSON object a line over the
//! agent's standard input and output. The end of the input tells the agent that it has finished.

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, PermissionOption, PromptContent, PromptId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::protocol::TurnOutcome;

/// A line of the agent's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromAgent {
    /// The agent can take a prompt.
    Ready {
        /// Its version.
        version: String,
    },
    /// It says, thinks, does or edits something.
    Event(EventPayload),
    /// The same in the making.
    Ephemeral(EphemeralEvent),
    /// It asks leave, and waits.
    AskPermission(AskPermission),
    /// Its turn is over: it waits for a prompt.
    TurnEnded(TurnOutcome),
}

/// What the agent asks leave for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AskPermission {
    /// What the answer is to name.
    pub(crate) key: String,
    /// The tool that wants to run.
    pub(crate) tool_name: String,
    /// What it would be given.
    pub(crate) tool_args: Map<String, Value>,
    /// The answers on offer, at least one.
    pub(crate) options: Vec<PermissionOption>,
}

/// A line of the agent's standard input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToAgent {
    /// A turn begins with this prompt; in the middle of a turn, it steers.
    Prompt {
        /// Names it.
        prompt_id: PromptId,
        /// What is said.
        content: PromptContent,
    },
    /// The answer to a permission request.
    Answer {
        /// Which.
        key: String,
        /// The option that was taken; `None` when the request is cancelled.
        option_id: Option<String>,
    },
    /// End the turn.
    Interrupt,
}
