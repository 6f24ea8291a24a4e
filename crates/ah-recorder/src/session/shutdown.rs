//! The shutdown of the agent, step by step.

use std::time::Duration;

use ah_lifecycle::turns::Effects;
use rustix::process::Signal;
use tokio::time::Instant;

use super::RecordedSession;
use crate::clock;
use crate::shutdown::{AgentShutdown, ShutdownCause, ShutdownStep};

impl RecordedSession {
    /// Starts the shutdown of the agent, or makes one in progress more forceful.
    pub(super) fn shut_down(&mut self, cause: ShutdownCause) {
        let now = Instant::now();
        let step = match (&mut self.shutdown, cause) {
            (Some(shutdown), ShutdownCause::Requested(manner)) => shutdown.insist(manner, now),
            (Some(shutdown), ShutdownCause::JournalLost) => shutdown.give_up(now),
            (Some(_), _) => None,
            (None, _) => {
                let grace = Duration::from_millis(self.spec.stop_grace_ms);
                let in_turn = self.conversation.is_in_turn();
                let shutdown = AgentShutdown::begin(cause, in_turn, grace, now);
                self.shutdown = Some(shutdown);
                Some(shutdown.step())
            }
        };
        if let Some(step) = step {
            // A stopped process does not react to a shutdown request.
            self.wake();
            self.take(step);
        }
    }

    /// Carries out a step of the shutdown.
    pub(super) fn take(&mut self, step: ShutdownStep) {
        if step == ShutdownStep::Cancel {
            let mut effects = Effects::default();
            self.conversation.interrupt(clock::now(), &mut effects);
            self.put_into_effect(effects);
        }
        self.conversation.close();
        let Some(agent) = &mut self.agent else {
            return;
        };
        let signalled = match step {
            // The sweep kills all processes of the session.
            ShutdownStep::Cancel | ShutdownStep::Kill => Ok(()),
            ShutdownStep::CloseInput => {
                agent.close_input();
                Ok(())
            }
            ShutdownStep::Interrupt => agent.signal(Signal::INT),
            ShutdownStep::Terminate => agent.signal(Signal::TERM),
        };
        if let Err(error) = signalled {
            tracing::warn!(%error, ?step, "the agent could not be signalled");
        }
    }

    /// Returns true if the shutdown has come to its last step.
    pub(super) fn is_to_be_killed(&self) -> bool {
        self.shutdown
            .is_some_and(|shutdown| shutdown.step() == ShutdownStep::Kill)
    }
}
