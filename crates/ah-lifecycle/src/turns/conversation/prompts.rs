//! The prompts of a conversation: those that wait, those that were given to the agent, and the turns
//! that they start.

use ah_rest_api_contract::{
    Activity, EventPayload, LogLevel, Message, MessageId, MessageRole, PromptContent,
    PromptDelivery, PromptId,
};

use super::{Conversation, Phase, WaitingPrompt};
use crate::turns::{AgentInput, Effects, Moment, Settling};
use crate::{Fact, TurnOutcome};

/// The most prompts that wait here. The access point keeps the queue that users see; this one is
/// for the prompts that it has handed over.
const PROMPTS_WAITING_MAX: usize = 256;

impl<A: AgentInput> Conversation<A> {
    /// Delivers a prompt: at once, after the turn, or, if it steers, in the middle of the turn. A
    /// prompt that is known already is ignored.
    pub fn prompt(
        &mut self,
        id: PromptId,
        content: PromptContent,
        author: String,
        steer: bool,
        at: Moment,
        effects: &mut Effects,
    ) {
        if self.known.contains(&id) {
            return;
        }
        let steers =
            steer && self.agent.can_steer() && self.phase == (Phase::Turn { interrupted: false });
        if steers {
            self.known.insert(id);
            if let Err(why) = self.agent.prompt(id, &content, &mut effects.to_agent) {
                effects.error(at, not_given(&why));
                return;
            }
            let steered = WaitingPrompt {
                id,
                content,
                author,
                delivery: PromptDelivery::Steered,
            };
            self.record_message(steered, at, effects);
            self.confirm_if_immediate(at, effects);
            return;
        }
        if self.waiting.len() >= PROMPTS_WAITING_MAX || matches!(self.phase, Phase::Closed { .. }) {
            // It stays unknown, so that it can be requested again.
            effects.log(
                at,
                LogLevel::Warn,
                format!(
                    "the prompt {id} was not accepted: the agent is ending, or the queue is full"
                ),
            );
            return;
        }
        self.known.insert(id);
        let delivery = PromptDelivery::Queued;
        self.waiting.push_back(WaitingPrompt {
            id,
            content,
            author,
            delivery,
        });
        self.start_next_turn(at, effects);
    }

    /// Withdraws a prompt that waits. It stays known, so that it is never delivered.
    pub fn withdraw(&mut self, id: PromptId) {
        self.known.insert(id);
        self.waiting
            .retain(|prompt| prompt.id != id || prompt.delivery == PromptDelivery::Initial);
    }

    /// Starts a turn with the prompt that has waited longest, if the agent is idle.
    pub(super) fn start_next_turn(&mut self, at: Moment, effects: &mut Effects) {
        if !matches!(self.phase, Phase::Idle(_)) {
            return;
        }
        let Some(prompt) = self.waiting.pop_front() else {
            return;
        };
        self.settle(Settling::Quiet, at, effects);
        self.phase = Phase::Turn { interrupted: false };
        self.recorded = Activity::Working;
        let given = self
            .agent
            .prompt(prompt.id, &prompt.content, &mut effects.to_agent);
        let (prompt_id, delivery) = (prompt.id, prompt.delivery);
        self.turn = Some(prompt_id);
        effects.fact(
            at,
            Fact::TurnStarted {
                prompt_id,
                delivery,
            },
        );
        self.record_message(prompt, at, effects);
        if given.is_ok() {
            self.confirm_if_immediate(at, effects);
        }
        if let Err(why) = given {
            let reason = not_given(&why);
            effects.error(at, reason.clone());
            self.give_up_prompts(at, effects);
            self.end_turn(TurnOutcome::Failed { reason }, at, effects);
        }
    }

    /// Records that the agent has accepted the prompts that were sent to it.
    pub(super) fn confirm_prompts(&mut self, at: Moment, effects: &mut Effects) {
        for prompt_id in self.unconfirmed.drain(..) {
            effects.fact(at, Fact::PromptTaken { prompt_id });
        }
    }

    /// Records the same for an agent that accepts a prompt when it is given.
    fn confirm_if_immediate(&mut self, at: Moment, effects: &mut Effects) {
        if !self.agent.reacts_later() {
            self.confirm_prompts(at, effects);
        }
    }

    /// Records that the agent will not accept the prompts that were sent to it.
    pub(super) fn give_up_prompts(&mut self, at: Moment, effects: &mut Effects) {
        for prompt_id in self.unconfirmed.drain(..) {
            effects.fact(at, Fact::PromptLost { prompt_id });
        }
    }

    /// Records the message of a prompt that was given to the agent.
    fn record_message(&mut self, prompt: WaitingPrompt, at: Moment, effects: &mut Effects) {
        if prompt.delivery != PromptDelivery::Initial {
            self.unconfirmed.push(prompt.id);
        }
        let mut content = prompt.content.blocks().to_vec();
        self.attachments.keep_blocks(&mut content, at, effects);
        let message = Message::new(
            MessageRole::User,
            MessageId::from_ulid(self.ids.next(at.wall)),
            content,
        )
        .with_author(prompt.author)
        .with_delivery(prompt.delivery)
        .with_prompt_id(prompt.id);
        effects.event(at, EventPayload::Message(message));
    }
}

fn not_given(why: &str) -> String {
    format!("the prompt was not sent to the agent: {why}")
}
