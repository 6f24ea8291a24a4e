//! An agent as a conversation sees it: the calls that it accepts and the output that it produces.

use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, EventPayload, PermissionOption, PromptContent, PromptId,
    ToolResult,
};
use serde_json::{Map, Value};

use super::Binary;
use crate::TurnOutcome;
use crate::permission::OtherClaims;

/// The calls that a [`Conversation`](super::Conversation) makes to its agent.
///
/// An agent that runs as a process appends the bytes for its standard input to `to_agent`. An
/// agent that is played in memory changes its own state and leaves `to_agent` empty. Output flows
/// the other way: the owner of the conversation passes it to
/// [`Conversation::output`](super::Conversation::output).
pub trait AgentInput {
    /// Returns true if the agent accepts a prompt in the middle of a turn.
    fn can_steer(&self) -> bool;

    /// Opens the session. The agent has just been started.
    fn begin(&mut self, to_agent: &mut Vec<u8>);

    /// Begins a turn with this prompt, or steers the turn that is in progress.
    ///
    /// # Errors
    /// Returns the reason if the agent cannot accept such a prompt. Nothing was sent to it then.
    fn prompt(
        &mut self,
        id: PromptId,
        content: &PromptContent,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String>;

    /// Returns true if the agent reacts to a prompt some time after it was sent. Otherwise a prompt
    /// is accepted when it is given.
    fn reacts_later(&self) -> bool {
        false
    }

    /// Requests the end of the turn.
    fn interrupt(&mut self, to_agent: &mut Vec<u8>);

    /// Answers the permission request `key` with one of its options. `None` cancels the request.
    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>);

    /// Closes what the agent has left open: its tool calls, and a message that is not complete.
    fn settle(
        &mut self,
        _settling: Settling,
        _output: &mut Vec<AgentOutput>,
        _to_agent: &mut Vec<u8>,
    ) {
    }

    /// Returns true if the rest of a message of the agent is expected.
    fn is_in_message(&self) -> bool {
        false
    }

    /// Reports what was only counted. Called at the end of the agent.
    fn finish(&mut self, _output: &mut Vec<AgentOutput>) {}
}

impl<A: AgentInput + ?Sized> AgentInput for Box<A> {
    fn can_steer(&self) -> bool {
        (**self).can_steer()
    }

    fn begin(&mut self, to_agent: &mut Vec<u8>) {
        (**self).begin(to_agent);
    }

    fn prompt(
        &mut self,
        id: PromptId,
        content: &PromptContent,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        (**self).prompt(id, content, to_agent)
    }

    fn reacts_later(&self) -> bool {
        (**self).reacts_later()
    }

    fn interrupt(&mut self, to_agent: &mut Vec<u8>) {
        (**self).interrupt(to_agent);
    }

    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>) {
        (**self).answer(key, option, to_agent);
    }

    fn settle(
        &mut self,
        settling: Settling,
        output: &mut Vec<AgentOutput>,
        to_agent: &mut Vec<u8>,
    ) {
        (**self).settle(settling, output, to_agent);
    }

    fn is_in_message(&self) -> bool {
        (**self).is_in_message()
    }

    fn finish(&mut self, output: &mut Vec<AgentOutput>) {
        (**self).finish(output);
    }
}

/// The extent to which open tool calls are closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settling {
    /// All but those that the agent runs between turns. The agent has been quiet for a moment, or
    /// its next turn is about to begin.
    Quiet,
    /// All. The agent has been silent for long, was interrupted, or has ended.
    All,
}

/// One output of an agent.
#[derive(Clone, Debug, PartialEq)]
pub enum AgentOutput {
    /// The agent accepts prompts.
    Ready {
        /// Its version, if it reports one.
        version: Option<String>,
        /// Its own identifier of the session, if it reports one. It is needed to resume.
        agent_session_id: Option<String>,
    },
    /// The agent will never accept a prompt, for this reason.
    Unavailable(String),
    /// A part of a message or thought. The message ends where something else begins.
    Chunk {
        /// The kind of text that it is a part of.
        channel: Channel,
        /// The agent's own name of the whole, if it reports one. A chunk of another whole ends the
        /// one before.
        whole: Option<String>,
        /// The content. Texts of one whole are joined.
        content: ContentBlock,
    },
    /// An event for the log.
    Event(EventPayload),
    /// The result of a tool whose output contains binary data.
    ToolResult {
        /// The result, without its attachments.
        result: ToolResult,
        /// The binary data of the output.
        binaries: Vec<Binary>,
    },
    /// An event for readers that is not recorded.
    Ephemeral(EphemeralEvent),
    /// A request for permission. The agent waits for the answer.
    PermissionRequest(ToolRequest),
    /// The turn has ended.
    TurnEnded(TurnOutcome),
    /// Output that could not be understood, for this reason.
    Malformed(String),
}

impl AgentOutput {
    /// Returns true if this output is the agent's work on a prompt.
    pub(super) fn is_reaction(&self) -> bool {
        !matches!(
            self,
            Self::Malformed(_) | Self::Event(EventPayload::Log(_) | EventPayload::Usage(_))
        )
    }

    /// Returns true if a message that is in progress ends before this output.
    pub(super) const fn ends_message(&self) -> bool {
        !matches!(self, Self::Chunk { .. } | Self::Ephemeral(_))
    }
}

/// The kind of text that an agent streams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// A message to the user.
    Message,
    /// A thought.
    Thought,
}

/// A tool call that an agent requests permission for.
#[derive(Clone, Debug, PartialEq)]
pub struct ToolRequest {
    /// The agent's own name of the request.
    pub key: String,
    /// The tool.
    pub tool_name: String,
    /// The arguments of the call.
    pub tool_args: Map<String, Value>,
    /// The answers that the agent accepts.
    pub options: Vec<PermissionOption>,
    /// The names and paths of the call by the agent's other words about it.
    pub other: OtherClaims,
    /// True if the request is about a tool call. Otherwise it is a question, which no policy
    /// answers.
    pub is_tool: bool,
}
