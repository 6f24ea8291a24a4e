//! The trait of all drivers.

use std::io;
use std::path::PathBuf;

use ah_lifecycle::turns::{AgentInput, AgentOutput};

use crate::{AgentProgram, SessionFolder};

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
