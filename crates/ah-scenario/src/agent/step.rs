//! The steps of an agent in memory.

use std::time::Duration;

use ah_lifecycle::turns::AgentOutput;
use ah_rest_api_contract::{EventPayload, FileEdit};

/// The next thing that a [`ScriptedAgent`](crate::ScriptedAgent) does.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "most values are outputs, and at most one tool's run is kept"
)]
pub enum AgentStep {
    /// It produces output for its conversation.
    Output(AgentOutput),
    /// It is busy for this time, before scaling.
    Wait(Duration),
    /// It waits for a prompt, an answer or an interruption.
    Blocked,
    /// Its process ends.
    Exited {
        /// The exit code, if it exits.
        exit_code: Option<i32>,
        /// The signal, if one ends it.
        signal: Option<i32>,
    },
}

impl AgentStep {
    /// Returns the output of an event.
    pub(super) const fn event(event: EventPayload) -> Self {
        Self::Output(AgentOutput::Event(event))
    }

    /// Returns the output of an edit of a file.
    pub(super) fn file_edit(file_path: String, lines_added: u64, lines_removed: u64) -> Self {
        Self::event(EventPayload::FileEdit(FileEdit::new(
            file_path,
            lines_added,
            lines_removed,
        )))
    }
}
