//! The requests to a session's recorder.

use ah_rest_api_contract::{PermissionAnswer, PermissionId, PromptContent, PromptId};
use serde::{Deserialize, Serialize};

/// A request of an attendant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Delivers a prompt: at once to an idle agent, otherwise after the turn, or in the middle of
    /// the turn if `steer` is set and the agent can. A repeated request delivers it once.
    Prompt {
        /// The id of the prompt.
        prompt_id: PromptId,
        /// The content of the prompt.
        content: PromptContent,
        /// The author of the prompt.
        author: String,
        /// True if the prompt does not wait for the end of the turn.
        steer: bool,
    },
    /// Withdraws a prompt that still waits.
    Withdraw {
        /// The id of the prompt.
        prompt_id: PromptId,
    },
    /// Answers a permission request.
    Answer {
        /// The id of the permission request.
        request_id: PermissionId,
        /// The answer.
        answer: PermissionAnswer,
        /// The author of the answer.
        by: String,
    },
    /// Ends the agent's turn. Before the agent is ready, it ends the turn that the first prompt
    /// begins. It names no turn, so a request at the end of a turn may affect the next one: the
    /// sender must read the journal first.
    Interrupt,
    /// Freezes every process of the session.
    Pause,
    /// Resumes the frozen processes.
    Resume,
    /// Shuts the agent down, with increasing force, until none of its processes is left.
    Shutdown {
        /// The manner of the shutdown.
        manner: ShutdownManner,
    },
}

/// The manner of an agent's shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownManner {
    /// The agent has finished: it is ended through its protocol and awaited. Its exit status is its
    /// result.
    Finish,
    /// The agent is stopped: protocol cancel, end of input, SIGINT, SIGTERM, SIGKILL, with a grace
    /// period each.
    Stop,
    /// The agent is killed at once.
    Kill,
}
