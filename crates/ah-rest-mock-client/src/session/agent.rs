//! The conversation with the agent of a session, and the agent's progress.

use ah_lifecycle::turns::{AgentOutput, Conversation, Effects, Moment};
use ah_lifecycle::{EndCause, Refusal};
use ah_scenario::{AgentStep, ScriptedAgent};

use super::MockSession;

impl MockSession {
    /// Calls the conversation and the agent, whose replies follow at once. Returns true if
    /// anything happened.
    pub(super) fn converse(
        &mut self,
        now: Moment,
        call: impl FnOnce(&mut Conversation<ScriptedAgent>, &mut Effects),
    ) -> Result<bool, Refusal> {
        let Some(conversation) = &mut self.recorder.conversation else {
            return Ok(false);
        };
        let mut effects = Effects::default();
        call(conversation, &mut effects);
        while let Some(reply) = conversation.agent_mut().next_reply() {
            if matches!(reply, AgentOutput::TurnEnded(_)) {
                self.recorder.resumes_at = None;
            }
            conversation.output(reply, now, &mut effects);
        }
        self.put_into_effect(effects)
    }

    fn put_into_effect(&mut self, effects: Effects) -> Result<bool, Refusal> {
        let happened = !effects.records.is_empty() || !effects.ephemeral.is_empty();
        let mut shown = effects.ephemeral.into_iter().peekable();
        for (index, record) in effects.records.into_iter().enumerate() {
            while let Some((_, event)) = shown.next_if(|(before, _)| *before <= index) {
                self.show(event);
            }
            self.ingest(record)?;
        }
        for (_, event) in shown {
            self.show(event);
        }
        Ok(happened)
    }

    /// Lets the agent go on as far as it can by `now`. Returns true if anything happened.
    pub(super) fn play(&mut self, now: Moment) -> Result<bool, Refusal> {
        if self.recorder.frozen || self.status().is_terminal() {
            return Ok(false);
        }
        let mut moved = false;
        while self.recorder.is_in_turn()
            && self.recorder.resumes_at.is_none_or(|at| at <= now.tick)
            && let Some(conversation) = &mut self.recorder.conversation
        {
            match conversation.agent_mut().play() {
                AgentStep::Output(output) => {
                    if matches!(
                        output,
                        AgentOutput::PermissionRequest(_) | AgentOutput::TurnEnded(_)
                    ) {
                        // What follows comes after the answer or the next prompt.
                        self.recorder.resumes_at = None;
                    }
                    self.converse(now, |conversation, effects| {
                        conversation.output(output, now, effects);
                    })?;
                }
                AgentStep::Wait(delay) => {
                    // Counted from the end of the wait before, so that a late call loses no time.
                    let from = self.recorder.resumes_at.unwrap_or(now.tick);
                    let delay = self.recorder.setup.speed.scale(delay);
                    self.recorder.resumes_at = Some(from + delay);
                }
                AgentStep::Blocked => {
                    self.recorder.resumes_at = None;
                    break;
                }
                AgentStep::Exited { exit_code, signal } => {
                    self.end(EndCause::Agent, exit_code, signal, now)?;
                    return Ok(true);
                }
            }
            moved = true;
        }
        Ok(moved)
    }

    /// Processes output of the agent that its script does not contain. Returns false without an
    /// effect if the agent does not run.
    pub(crate) fn output(&mut self, output: AgentOutput, now: Moment) -> Result<bool, Refusal> {
        let is_running = self.recorder.conversation.is_some() && !self.status().is_terminal();
        if is_running {
            self.converse(now, |conversation, effects| {
                conversation.output(output, now, effects);
            })?;
            self.wake.notify_one();
        }
        Ok(is_running)
    }
}
