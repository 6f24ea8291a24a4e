//! The protocol between the scenario agent and its driver: one JSON object per line over the
//! agent's standard input and output. The end of the input ends the agent.

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, PermissionOption, PromptContent, PromptId,
};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use ah_lifecycle::TurnOutcome;

/// The maximum length of a line to the agent, in bytes.
pub(crate) const LINE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// A line of the agent's standard output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum FromAgent {
    /// The agent accepts prompts.
    Ready {
        /// Its version.
        version: String,
    },
    /// An event for the log.
    Event(EventPayload),
    /// An event for readers that is not recorded.
    Ephemeral(EphemeralEvent),
    /// A permission request. The agent waits for the answer.
    AskPermission(AskPermission),
    /// The end of the turn. The agent waits for a prompt.
    TurnEnded(TurnOutcome),
}

/// A permission request of the agent.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct AskPermission {
    /// The key that the answer must have.
    pub(crate) key: String,
    /// The tool of the call.
    pub(crate) tool_name: String,
    /// The arguments of the call.
    pub(crate) tool_args: Map<String, Value>,
    /// The options of the answer, at least one.
    pub(crate) options: Vec<PermissionOption>,
}

/// A line of the agent's standard input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ToAgent {
    /// A prompt, which begins a turn or steers the one in progress.
    Prompt {
        /// The id of the prompt.
        prompt_id: PromptId,
        /// The content of the prompt.
        content: PromptContent,
    },
    /// The answer to a permission request.
    Answer {
        /// The key of the request.
        key: String,
        /// The selected option; `None` if the request is cancelled.
        option_id: Option<String>,
    },
    /// A request to end the turn.
    Interrupt,
}
