//! The conversation between a session and its agent: the state of the turn, the prompts that wait,
//! and the permission requests that are pending.

mod output;
mod prompts;
mod quiet;
mod turn;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::Instant;

use ah_rest_api_contract::{
    Activity, LogLevel, PermissionAnswer, PermissionId, PermissionPolicy, PromptContent,
    PromptDelivery, PromptId, SessionId,
};

use super::attachments::Attachments;
use super::permissions::Permissions;
use super::speech::Speech;
use super::{AgentInput, Effects, Identifiers, Moment, Settling, Work};

/// The origin of an open tool call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    Turn,
    BetweenTurns,
}

/// The state of the agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It was started and does not accept prompts yet.
    Starting {
        /// Set if the first turn is to be interrupted as soon as it has begun.
        interrupted: bool,
    },
    /// It has been waiting for a prompt since then.
    Idle(Instant),
    /// A turn is in progress.
    Turn {
        /// Set if the interruption was requested.
        interrupted: bool,
    },
    /// It receives no prompt any more.
    Closed {
        /// Set if a turn is still in progress.
        in_turn: bool,
    },
}

#[derive(Debug)]
struct WaitingPrompt {
    id: PromptId,
    content: PromptContent,
    author: String,
    delivery: PromptDelivery,
}

/// The beginning of a conversation: its first prompt and its policy.
#[derive(Clone, Debug)]
pub struct Opening {
    /// The session.
    pub session_id: SessionId,
    /// The identifier of the first prompt.
    pub prompt_id: PromptId,
    /// The first prompt.
    pub prompt: PromptContent,
    /// The author of the first prompt.
    pub author: String,
    /// The policy that resolves permission requests.
    pub permissions: PermissionPolicy,
    /// The agent's working folder, which the policy refers to.
    pub workspace: String,
}

/// The conversation of one session.
#[derive(Debug)]
pub struct Conversation<A> {
    agent: A,
    ids: Identifiers,
    phase: Phase,
    /// The prompt that started the last turn.
    turn: Option<PromptId>,
    waiting: VecDeque<WaitingPrompt>,
    /// Every prompt that was ever requested, so that each is delivered once.
    known: HashSet<PromptId>,
    permissions: Permissions,
    /// The prompts that were sent and to which the agent has not reacted yet.
    unconfirmed: Vec<PromptId>,
    attachments: Attachments,
    /// The message or thought that is in progress.
    speech: Speech,
    /// The tool calls that have no result yet.
    open_calls: HashMap<String, Origin>,
    /// The time of the last output, or of the end of the last turn.
    last_output: Option<Instant>,
    /// True if the agent has been quiet since its last output, and was settled.
    is_settled: bool,
    /// The activity that follows from the records so far.
    recorded: Activity,
    /// The reason why the agent will never be ready, once there is one.
    unready: Option<String>,
}

impl<A: AgentInput> Conversation<A> {
    /// Creates a conversation that begins with the prompt of `opening`.
    pub fn new(opening: Opening, agent: A, ids: Identifiers) -> Self {
        let first = WaitingPrompt {
            id: opening.prompt_id,
            content: opening.prompt,
            author: opening.author,
            delivery: PromptDelivery::Initial,
        };
        Self {
            agent,
            ids,
            phase: Phase::Starting { interrupted: false },
            turn: None,
            known: HashSet::from([first.id]),
            waiting: VecDeque::from([first]),
            permissions: Permissions::new(opening.permissions, opening.workspace),
            unconfirmed: Vec::new(),
            attachments: Attachments::new(opening.session_id),
            speech: Speech::default(),
            open_calls: HashMap::new(),
            last_output: None,
            is_settled: false,
            recorded: Activity::Working,
            unready: None,
        }
    }

    /// Returns the agent.
    pub const fn agent(&self) -> &A {
        &self.agent
    }

    /// Returns the agent, to take output from it.
    pub const fn agent_mut(&mut self) -> &mut A {
        &mut self.agent
    }

    /// Opens the session of the agent, which has just been started.
    pub fn begin(&mut self, effects: &mut Effects) {
        self.agent.begin(&mut effects.to_agent);
    }

    /// Returns true until the agent accepts prompts.
    pub const fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. })
    }

    /// Returns the reason why the agent will never be ready, if there is one.
    pub fn unready(&self) -> Option<&str> {
        self.unready.as_deref()
    }

    /// Notes that the agent will never be ready.
    pub fn give_up_waiting(&mut self, reason: String, at: Moment, effects: &mut Effects) {
        effects.error(at, reason.clone());
        self.unready.get_or_insert(reason);
    }

    /// Returns true if a turn is in progress, also one that was when the conversation was closed.
    pub const fn is_in_turn(&self) -> bool {
        matches!(
            self.phase,
            Phase::Turn { .. } | Phase::Closed { in_turn: true }
        )
    }

    /// Returns the work of the agent.
    pub fn work(&self) -> Work {
        Work {
            in_turn: self.is_in_turn() || self.is_starting(),
            is_interrupted: self.is_interrupted(),
            awaits_permission: self.permissions.count() > 0,
            has_open_calls: !self.open_calls.is_empty(),
        }
    }

    /// Returns the number of prompts that wait.
    pub fn waiting_prompts(&self) -> usize {
        self.waiting.len()
    }

    /// Returns the number of pending permission requests.
    pub const fn pending_permissions(&self) -> usize {
        self.permissions.count()
    }

    /// Returns the time at which [`Conversation::on_time`] has something to do.
    pub fn next_deadline(&self) -> Option<Instant> {
        let deadlines = [self.permissions.next_deadline(), self.settling_deadline()];
        deadlines.into_iter().flatten().min()
    }

    /// Notes that requests were made or resolved. The activity that their events imply is not the
    /// one of an agent without a turn, so that one is recorded.
    const fn note_permissions(&mut self) {
        self.recorded = Activity::Unknown;
    }

    /// Withdraws every permission request. The agent is answered, unless it has ended.
    fn withdraw_permissions(&mut self, answers: bool, at: Moment, effects: &mut Effects) {
        if self.permissions.count() == 0 {
            return;
        }
        let agent = answers.then_some(&mut self.agent);
        self.permissions.cancel_all("agent", agent, at, effects);
        self.note_permissions();
    }

    /// Answers a permission request. An answer to a request that is not pending is ignored.
    pub fn answer(
        &mut self,
        id: PermissionId,
        answer: &PermissionAnswer,
        by: &str,
        at: Moment,
        effects: &mut Effects,
    ) {
        self.permissions
            .answer(id, answer, by, &mut self.agent, at, effects);
        self.note_permissions();
        self.note_output(at);
        self.record_activity(at, effects);
    }

    /// Delivers no further prompt. The turn that is in progress may still end.
    pub fn close(&mut self) {
        if !matches!(self.phase, Phase::Closed { .. }) {
            let in_turn = self.is_in_turn();
            self.phase = Phase::Closed { in_turn };
        }
    }

    /// Closes the conversation after the end of the agent, and withdraws its requests.
    pub fn agent_ended(&mut self, at: Moment, effects: &mut Effects) {
        self.close();
        let mut output = Vec::new();
        self.agent
            .settle(Settling::All, &mut output, &mut effects.to_agent);
        self.agent.finish(&mut output);
        for output in output {
            self.process(output, at, effects);
        }
        self.speech.finish(at, effects);
        for prompt in &self.unconfirmed {
            let message = format!(
                "the agent ended before it reacted to the prompt {prompt}, which was sent to it"
            );
            effects.log(at, LogLevel::Warn, message);
        }
        self.give_up_prompts(at, effects);
        self.withdraw_permissions(false, at, effects);
        self.open_calls.clear();
        self.record_activity(at, effects);
    }
}

#[cfg(test)]
mod tests;
