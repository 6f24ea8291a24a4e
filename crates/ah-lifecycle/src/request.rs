//! What a session's recorder is asked for.

use ah_rest_api_contract::{PermissionAnswer, PermissionId, PromptContent, PromptId};
use serde::{Deserialize, Serialize};

/// What an attendant asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "snake_case")]
pub enum Request {
    /// Say this to the agent: now when it is idle, after its turn otherwise, or in the middle of
    /// it when it is to be steered and can be. Told once, however often it is asked.
    Prompt {
        /// Names the prompt.
        prompt_id: PromptId,
        /// What to say.
        content: PromptContent,
        /// Who says it.
        author: String,
        /// Whether the agent's turn is not waited for.
        steer: bool,
    },
    /// Do not say this prompt any more, if it still waits.
    Withdraw {
        /// Which.
        prompt_id: PromptId,
    },
    /// Give the agent this answer.
    Answer {
        /// The permission request.
        request_id: PermissionId,
        /// The answer.
        answer: PermissionAnswer,
        /// Who gives it.
        by: String,
    },
    /// End the agent's turn. While the agent is not ready yet, this is the turn that its first
    /// prompt begins. It names no turn, so one that is sent just as a turn ends by itself may meet
    /// the next: whoever sends it looks at the journal first.
    Interrupt,
    /// Freeze every process of the session.
    Pause,
    /// Let them go on.
    Resume,
    /// End the agent: politely at first, by force in the end, until nothing of it is left.
    Shutdown {
        /// How politely.
        manner: ShutdownManner,
    },
}

/// How an agent is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShutdownManner {
    /// It has finished: it is let go by the protocol's own means, and waited for. How it exits is
    /// how it ended.
    Finish,
    /// It is stopped: protocol cancel, end of input, SIGINT, SIGTERM, SIGKILL, a grace each.
    Stop,
    /// It is killed at once.
    Kill,
}
