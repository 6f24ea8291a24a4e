//! Drivers: one a way of speaking to an agent.
//!
//! A driver translates, and nothing else: it is given the agent's lines and what the session wants
//! of the agent, and says what the agent meant and what to write to it. It starts no process, reads
//! no pipe, keeps no time and decides nothing; so a driver is tested against a transcript, and the
//! rules of turns, permissions and endings are written once, outside of them.

mod acp;
mod scenario;

use std::io;
use std::path::PathBuf;

use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, EventPayload, PermissionOption, PromptContent, PromptId,
};
use serde_json::{Map, Value};

use crate::protocol::TurnOutcome;
use crate::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};

/// The driver for the agent of `spec`.
pub(crate) fn open(spec: &LaunchSpec) -> Box<dyn Driver> {
    match spec.agent.driver {
        DriverKind::Scenario => Box::new(scenario::ScenarioDriver),
        DriverKind::Acp => Box::new(acp::AcpDriver::new(spec)),
    }
}

/// Whether agents that are spoken to like this can be given a prompt in the middle of a turn.
pub(crate) const fn can_steer(kind: DriverKind) -> bool {
    match kind {
        DriverKind::Scenario => true,
        // ACP has no such request; prompts are turns.
        DriverKind::Acp => false,
    }
}

/// A way of speaking to an agent.
pub(crate) trait Driver: Send {
    /// The command line that starts `agent`. What the agent needs as a file is put into `folder`.
    fn command(&self, agent: &AgentProgram, folder: &SessionFolder) -> io::Result<Vec<String>>;

    /// What [`Self::command`] puts into `folder`. It is removed when the agent has ended, since it
    /// may hold what nobody is to read later.
    fn files(&self, folder: &SessionFolder) -> Vec<PathBuf>;

    /// Whether a prompt can be given in the middle of a turn.
    fn can_steer(&self) -> bool;

    /// Whether the agent is bound to end when its input does. One that is not may have to be ended
    /// by a signal when it has finished, which is no fault of its.
    fn ends_with_input(&self) -> bool;

    /// The agent was started, and can be told something.
    fn begin(&mut self, to_agent: &mut Vec<u8>);

    /// The agent said `line`, without the line's end.
    fn line(&mut self, line: &[u8], says: &mut Vec<AgentSays>, to_agent: &mut Vec<u8>);

    /// A turn begins with this prompt, or the turn is steered by it.
    ///
    /// # Errors
    /// When the agent cannot be given such a prompt, and why in words. It was told nothing then.
    fn prompt(
        &mut self,
        prompt: PromptId,
        content: &PromptContent,
        to_agent: &mut Vec<u8>,
    ) -> Result<(), String>;

    /// The turn is to end.
    fn interrupt(&mut self, to_agent: &mut Vec<u8>);

    /// The request that the agent called `key` is answered with this option of it; with `None`, it
    /// is cancelled.
    fn answer(&mut self, key: &str, option: Option<&str>, to_agent: &mut Vec<u8>);
}

/// What an agent means by what it says.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum AgentSays {
    /// It can take a prompt.
    Ready {
        /// Its version, when it tells one.
        version: Option<String>,
        /// What it calls the session, when it tells; what it would be asked for to go on with it.
        agent_session_id: Option<String>,
    },
    /// It will never be able to take a prompt; why, in words.
    CannotBegin(String),
    /// It says a piece of something, which ends where it begins to say something else.
    Speaks {
        /// How it says it.
        voice: Voice,
        /// What the agent calls the whole, when it tells. A piece of another whole ends the one
        /// before.
        whole: Option<String>,
        /// The piece. Texts of one whole are put together.
        piece: ContentBlock,
    },
    /// Something for the log.
    Event(EventPayload),
    /// Something to show and not to keep.
    Ephemeral(EphemeralEvent),
    /// It asks leave, and waits.
    Asks(PermissionAsked),
    /// Its turn is over.
    TurnEnded(TurnOutcome),
    /// It said what nobody understands; why, in words.
    Nonsense(String),
}

/// How an agent says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Voice {
    /// To the user.
    Aloud,
    /// To itself.
    InThought,
}

/// What an agent asks leave for.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct PermissionAsked {
    /// What the agent calls the request.
    pub(crate) key: String,
    /// The tool that wants to run.
    pub(crate) tool_name: String,
    /// What it would be given.
    pub(crate) tool_args: Map<String, Value>,
    /// The answers on offer.
    pub(crate) options: Vec<PermissionOption>,
}
