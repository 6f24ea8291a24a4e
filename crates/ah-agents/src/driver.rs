//! Drivers: one a way of speaking to an agent.
//!
//! A driver translates, and nothing else: it is given the agent's lines and what the session wants
//! of the agent, and says what the agent meant and what to write to it. It starts no process, reads
//! no pipe, keeps no time and decides nothing; so a driver is tested against a transcript, and the
//! rules of turns, permissions and endings are written once, outside of them.

mod scenario;

use std::io;
use std::path::PathBuf;

use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, PermissionOption, PromptContent, PromptId,
};
use serde_json::{Map, Value};

use crate::protocol::TurnOutcome;
use crate::{AgentProgram, DriverKind, SessionFolder};

/// The driver for `kind`.
pub(crate) fn open(kind: DriverKind) -> Box<dyn Driver> {
    match kind {
        DriverKind::Scenario => Box::new(scenario::ScenarioDriver),
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

    /// The agent said `line`, without the line's end.
    fn line(&mut self, line: &[u8], says: &mut Vec<AgentSays>, to_agent: &mut Vec<u8>);

    /// A turn begins with this prompt, or the turn is steered by it.
    fn prompt(&mut self, prompt: PromptId, content: &PromptContent, to_agent: &mut Vec<u8>);

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
