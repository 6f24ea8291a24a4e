//! The end of a turn, and its interruption.

use ah_rest_api_contract::Activity;

use super::{Conversation, Phase};
use crate::turns::{AgentInput, Effects, Moment, Settling};
use crate::{Fact, TurnOutcome};

impl<A: AgentInput> Conversation<A> {
    pub(super) fn become_ready(&mut self, at: Moment, effects: &mut Effects) {
        if let Phase::Starting { interrupted } = self.phase {
            self.phase = Phase::Idle(at.tick);
            self.start_next_turn(at, effects);
            if interrupted {
                // The turn begins all the same, so that its prompt and outcome are recorded.
                self.interrupt(at, effects);
            }
        }
    }

    pub(super) fn end_turn(&mut self, outcome: TurnOutcome, at: Moment, effects: &mut Effects) {
        // The agent is answered, since it may still wait in the background.
        self.withdraw_permissions(true, at, effects);
        match self.phase {
            Phase::Turn { .. } => self.phase = Phase::Idle(at.tick),
            Phase::Closed { in_turn: true } => self.phase = Phase::Closed { in_turn: false },
            Phase::Starting { .. } | Phase::Idle(_) | Phase::Closed { in_turn: false } => {
                effects.error(at, "the agent ended a turn that is not open");
                return;
            }
        }
        self.recorded = Activity::Idle;
        self.note_output(at);
        let prompt_id = self.turn;
        effects.fact(at, Fact::TurnEnded { prompt_id, outcome });
        self.start_next_turn(at, effects);
    }

    /// Interrupts the turn, once a turn, or the work between turns. If the agent is not ready yet,
    /// its first turn is interrupted.
    pub fn interrupt(&mut self, at: Moment, effects: &mut Effects) {
        match self.phase {
            Phase::Starting { .. } => self.phase = Phase::Starting { interrupted: true },
            Phase::Turn { interrupted: false } => {
                self.phase = Phase::Turn { interrupted: true };
                // The interruption is sent before the requests are withdrawn: otherwise the agent
                // would take the withdrawal for an answer and continue its turn.
                self.agent.interrupt(&mut effects.to_agent);
                self.withdraw_permissions(true, at, effects);
            }
            Phase::Idle(_) if self.work().activity() != Activity::Idle => {
                self.agent.interrupt(&mut effects.to_agent);
                self.withdraw_permissions(true, at, effects);
                self.settle(Settling::All, at, effects);
                self.record_activity(at, effects);
            }
            Phase::Turn { interrupted: true } | Phase::Idle(_) | Phase::Closed { .. } => {}
        }
    }

    /// Requests the end of an interrupted turn again. Returns false if there is none.
    pub fn interrupt_again(&mut self, effects: &mut Effects) -> bool {
        let is_interrupted = self.is_interrupted();
        if is_interrupted {
            self.agent.interrupt(&mut effects.to_agent);
        }
        is_interrupted
    }

    /// Returns true if a turn is in progress whose interruption was requested.
    pub fn is_interrupted(&self) -> bool {
        self.phase == (Phase::Turn { interrupted: true })
    }
}
