//! Drivers: one for each protocol that agents speak.
//!
//! A driver only translates. It turns the agent's lines into [`AgentOutput`](ah_lifecycle::turns::AgentOutput), and the calls of the
//! conversation into lines for the agent. It starts no process, reads no pipe and no clock, and
//! decides nothing. It is therefore tested against a transcript, and the rules of turns,
//! permissions and shutdown are written once, outside of the drivers.

mod acp;
mod protocol;
mod scenario;

use ah_lifecycle::turns::{Conversation, Effects, Identifiers, Moment, Opening};

use crate::{DriverKind, LaunchSpec};
pub use protocol::Driver;

/// A conversation with an agent that runs as a process.
pub type DrivenConversation = Conversation<Box<dyn Driver>>;

/// Returns the conversation of the session of `spec`, which begins with its prompt.
#[must_use]
pub fn conversation(spec: &LaunchSpec, ids: Identifiers) -> DrivenConversation {
    let opening = Opening {
        session_id: spec.session_id,
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
