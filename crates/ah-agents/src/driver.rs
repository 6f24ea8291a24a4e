//! Drivers: one for each protocol that agents speak.
//!
//! A driver only translates. It turns the agent's lines into [`AgentOutput`], and the calls of the
//! conversation into lines for the agent. It starts no process, reads no pipe and no clock, and
//! decides nothing. It is therefore tested against a transcript, and the rules of turns,
//! permissions and shutdown are written once, outside of the drivers.

mod acp;
mod scenario;

use std::io;
use std::path::PathBuf;

use ah_lifecycle::turns::{
    AgentInput, AgentOutput, Conversation, Effects, Identifiers, Moment, Opening,
};

use crate::{AgentProgram, DriverKind, LaunchSpec, SessionFolder};

/// A conversation with an agent that runs as a process.
pub type DrivenConversation = Conversation<Box<dyn Driver>>;

/// Returns the conversation of the session of `spec`, which begins with its prompt.
#[must_use]
pub fn conversation(spec: &LaunchSpec, ids: Identifiers) -> DrivenConversation {
    let opening = Opening {
        prompt_id: spec.prompt_id,
        prompt: spec.prompt.clone(),
        author: spec.author.clone(),
        permissions: spec.permissions.clone(),
        workspace: spec.workspace.to_string_lossy().into_owned(),
    };
    Conversation::new(opening, open(spec), ids)
}

/// Processes a line of the agent's output, without its line break.
pub fn on_line(
    conversation: &mut DrivenConversation,
    line: &[u8],
    at: Moment,
    effects: &mut Effects,
) {
    let _span = tracing::debug_span!("agent_line", bytes = line.len()).entered();
    let mut output = Vec::new();
    let driver = conversation.agent_mut();
    driver.line(line, &mut output, &mut effects.to_agent);
    conversation.line(line, output, at, effects);
}

/// Returns the driver for the agent of `spec`.
fn open(spec: &LaunchSpec) -> Box<dyn Driver> {
    match spec.agent.driver {
        DriverKind::Scenario => Box::new(scenario::ScenarioDriver),
        DriverKind::Acp => Box::new(acp::AcpDriver::new(spec)),
    }
}

/// Returns true if agents of this kind accept a prompt in the middle of a turn.
pub(crate) const fn can_steer(kind: DriverKind) -> bool {
    match kind {
        DriverKind::Scenario => true,
        // ACP has no such request; each prompt is a turn.
        DriverKind::Acp => false,
    }
}

/// The protocol of an agent that runs as a process.
pub trait Driver: AgentInput + Send {
    /// Returns the command line that starts `agent`. Files that the agent needs are written to
    /// `folder`.
    fn command(&self, agent: &AgentProgram, folder: &SessionFolder) -> io::Result<Vec<String>>;

    /// Returns the files that [`Self::command`] writes to `folder`. They may hold secrets and are
    /// removed when the agent has ended.
    fn files(&self, folder: &SessionFolder) -> Vec<PathBuf>;

    /// Returns true if the agent ends when its input does. Another agent may have to be ended by a
    /// signal when it has finished, which is no failure.
    fn ends_with_input(&self) -> bool;

    /// Parses a line of the agent's output, without its line break. A reply that the protocol
    /// requires at once is appended to `to_agent`.
    fn line(&mut self, line: &[u8], output: &mut Vec<AgentOutput>, to_agent: &mut Vec<u8>);
}
