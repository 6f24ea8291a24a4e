//! The state of the recorder, for those who ask for it.

use ah_agents::LaunchSpec;
use ah_rest_api_contract::{AgentState, RecorderInfo};
use tokio::time::Instant;

use super::RecordedSession;
use crate::clock;

/// Returns the state of a recorder that has not started its agent.
pub(crate) fn initial_info(spec: &LaunchSpec) -> RecorderInfo {
    // The processes are counted when the state is asked for.
    RecorderInfo::new(
        std::process::id(),
        spec.agent.driver.as_str(),
        AgentState::NotStarted,
        clock::now().wall,
    )
    .with_waiting_prompts(1)
}

impl RecordedSession {
    /// Publishes the current state. The connections that ask for it are answered from there, also
    /// while the session waits for its processes to end.
    pub(super) fn publish_info(&self) {
        let agent = self.agent_state();
        let left = self
            .next_deadline()
            .map(|due| due.saturating_duration_since(Instant::now()));
        let count = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
        self.info.send_modify(|info| {
            if info.agent != agent {
                info.agent = agent;
                info.since = clock::now().wall;
            }
            info.agent_pid = self.attendant_slot.agent_pid;
            info.is_paused = self.frozen.is_some();
            info.is_attended = self.attendant_slot.alone_since().is_none();
            info.is_waiting_for_disk = self.withheld.is_some();
            info.waiting_prompts = count(self.conversation.waiting_prompts());
            info.pending_permissions = count(self.conversation.pending_permissions());
            info.next_deadline_ms =
                left.map(|left| u64::try_from(left.as_millis()).unwrap_or(u64::MAX));
            info.journal_len = self.journal.len();
        });
    }

    fn agent_state(&self) -> AgentState {
        if self.agent.is_none() {
            return match self.started_at {
                None => AgentState::NotStarted,
                Some(_) => AgentState::Ended,
            };
        }
        if self.exit.is_some() {
            AgentState::Ended
        } else if self.shutdown.is_some() {
            AgentState::ShuttingDown
        } else if self.conversation.is_starting() {
            AgentState::Starting
        } else if self.conversation.is_in_turn() {
            AgentState::InTurn
        } else {
            AgentState::Idle
        }
    }
}
