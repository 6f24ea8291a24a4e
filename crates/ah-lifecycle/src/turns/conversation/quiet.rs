//! An agent without output, and without a turn: the closing of what it has left open, and its
//! activity.

use std::time::{Duration, Instant};

use ah_rest_api_contract::Activity;

use super::{Conversation, Origin, Phase};
use crate::Fact;
use crate::turns::{AgentInput, Effects, Moment, Settling};

/// The time without output after which an agent without a turn has said what it had to say: its
/// message is recorded, and the calls that its last turn left open are closed.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// The time without output after which a tool call between turns is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);

impl<A: AgentInput> Conversation<A> {
    /// Returns the time since which the agent has been idle, if it is. Output between turns
    /// restarts it.
    pub fn idle_since(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle(since) if self.work().activity() == Activity::Idle => {
                Some(self.last_output.map_or(since, |output| output.max(since)))
            }
            _ => None,
        }
    }

    /// Returns the time at which an agent without further output is settled.
    pub(super) fn settling_deadline(&self) -> Option<Instant> {
        let is_between_turns = !self.is_in_turn() && !self.is_starting();
        let has_calls = is_between_turns && !self.open_calls.is_empty();
        let is_unsettled =
            has_calls || is_between_turns && self.speech.is_open() || self.agent.is_in_message();
        let wait = match (self.is_settled, is_unsettled) {
            (false, true) => QUIET_MAX,
            (true, _) if has_calls => SILENCE_MAX,
            _ => return None,
        };
        self.last_output?.checked_add(wait)
    }

    /// Resolves the permission requests that have expired, and settles a quiet agent.
    pub fn on_time(&mut self, at: Moment, effects: &mut Effects) {
        let pending = self.permissions.count();
        self.permissions.expire(&mut self.agent, at, effects);
        if self.permissions.count() != pending {
            self.note_permissions();
            self.note_output(at);
        }
        if self.settling_deadline().is_some_and(|due| due <= at.tick) {
            let settling = if self.is_settled {
                Settling::All
            } else {
                Settling::Quiet
            };
            self.settle(settling, at, effects);
            self.is_settled = true;
        }
        self.record_activity(at, effects);
    }

    /// Closes what the agent has left open.
    pub(super) fn settle(&mut self, settling: Settling, at: Moment, effects: &mut Effects) {
        let mut output = Vec::new();
        self.agent
            .settle(settling, &mut output, &mut effects.to_agent);
        for output in output {
            self.process(output, at, effects);
        }
        if self.is_in_turn() || self.is_starting() {
            return;
        }
        self.speech.finish(at, effects);
        self.open_calls
            .retain(|_, origin| settling == Settling::Quiet && *origin == Origin::BetweenTurns);
    }

    /// Records the activity of an agent without a turn, unless it follows from the records. Facts
    /// and events determine it in a turn.
    pub(super) fn record_activity(&mut self, at: Moment, effects: &mut Effects) {
        if self.is_in_turn() || self.is_starting() {
            return;
        }
        let activity = self.work().activity();
        if activity != self.recorded {
            self.recorded = activity;
            effects.fact(at, Fact::Activity { activity });
        }
    }
}
