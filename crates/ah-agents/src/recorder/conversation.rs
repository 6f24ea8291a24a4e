//! What goes on between a session and its agent: turns, the prompts that wait, the permissions that
//! are asked for.
//!
//! It does no I/O and reads no clock. Whatever happens is told to it with the moment it happened,
//! and it says in [`Effects`] what is to be written down, said to the agent, and shown.

mod permissions;
mod speech;

use std::collections::{HashSet, VecDeque};

use ah_rest_api_contract::{
    EphemeralEvent, ErrorEvent, EventPayload, Log, LogLevel, Message, MessageId, MessageRole,
    PermissionAnswer, PermissionId, PromptContent, PromptDelivery, PromptId,
};
use tokio::time::Instant;

use super::clock::{Identifiers, Moment};
use crate::LaunchSpec;
use crate::driver::{AgentSays, Driver};
use crate::protocol::{Fact, JournalEntry, JournalRecord, TurnOutcome};
use crate::shortened::leave_out_middle;
use permissions::Permissions;
use speech::Speech;

/// How many prompts wait in the recorder at most. The access point keeps the queue that users see;
/// this is for what it has handed over already.
const PROMPTS_WAITING_MAX: usize = 256;

/// How much of an agent's line is kept beside what it led to, in bytes.
const RAW_BYTES_MAX: usize = 16 * 1024;

/// How much of a tool's output is kept, in bytes.
const TOOL_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// What is to be done: records written down first of all, then the rest shown and the agent told.
#[derive(Debug, Default)]
pub(crate) struct Effects {
    pub(crate) records: Vec<JournalRecord>,
    pub(crate) to_agent: Vec<u8>,
    /// Each with how many of the records come before it.
    pub(crate) ephemeral: Vec<(usize, EphemeralEvent)>,
}

impl Effects {
    pub(crate) fn record(&mut self, at: Moment, entry: JournalEntry) {
        self.records.push(JournalRecord {
            ts: at.wall,
            entry,
            raw: None,
        });
    }

    pub(crate) fn fact(&mut self, at: Moment, fact: Fact) {
        self.record(at, JournalEntry::Fact(fact));
    }

    pub(crate) fn event(&mut self, at: Moment, event: EventPayload) {
        self.record(at, JournalEntry::Event(event));
    }

    pub(crate) fn error(&mut self, at: Moment, message: impl Into<String>) {
        let message = message.into();
        self.event(at, EventPayload::Error(ErrorEvent { message }));
    }

    pub(crate) fn log(&mut self, at: Moment, level: LogLevel, message: impl Into<String>) {
        let log = Log {
            level,
            message: message.into(),
            tool_execution_id: None,
        };
        self.event(at, EventPayload::Log(log));
    }
}

/// What the agent is at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// It was started and cannot take a prompt yet.
    Starting {
        /// Whether its first turn is to be ended as soon as it has begun.
        interrupted: bool,
    },
    /// It waits for a prompt, since then.
    Idle(Instant),
    /// It is on a turn.
    Turn {
        /// Whether it was told to end it.
        interrupted: bool,
    },
    /// It is to be given nothing any more; whether it was on a turn when that was decided.
    Closed { in_turn: bool },
}

#[derive(Debug)]
struct WaitingPrompt {
    id: PromptId,
    content: PromptContent,
    author: String,
    delivery: PromptDelivery,
}

/// The conversation of one session.
pub(crate) struct Conversation {
    driver: Box<dyn Driver>,
    ids: Identifiers,
    phase: Phase,
    waiting: VecDeque<WaitingPrompt>,
    /// Every prompt that was ever asked to be said, so that it is said once.
    known: HashSet<PromptId>,
    permissions: Permissions,
    /// What the agent is saying.
    speech: Speech,
    /// Why the agent will never be ready, when it said so or was given up.
    unready: Option<String>,
}

impl Conversation {
    /// The conversation that begins with the prompt of `spec`.
    pub(crate) fn new(spec: &LaunchSpec, driver: Box<dyn Driver>, ids: Identifiers) -> Self {
        let first = WaitingPrompt {
            id: spec.prompt_id,
            content: spec.prompt.clone(),
            author: spec.author.clone(),
            delivery: PromptDelivery::Initial,
        };
        Self {
            driver,
            ids,
            phase: Phase::Starting { interrupted: false },
            known: HashSet::from([first.id]),
            waiting: VecDeque::from([first]),
            permissions: Permissions::new(
                spec.permissions.clone(),
                spec.workspace.to_string_lossy().into_owned(),
            ),
            speech: Speech::default(),
            unready: None,
        }
    }

    /// The agent was started.
    pub(crate) fn begin(&mut self, effects: &mut Effects) {
        self.driver.begin(&mut effects.to_agent);
    }

    /// Whether the agent is bound to end when its input does.
    pub(crate) fn ends_with_input(&self) -> bool {
        self.driver.ends_with_input()
    }

    /// Whether the agent was started and cannot take a prompt yet.
    pub(crate) const fn is_starting(&self) -> bool {
        matches!(self.phase, Phase::Starting { .. })
    }

    /// Why the agent will never be ready, if it will not.
    pub(crate) fn unready(&self) -> Option<&str> {
        self.unready.as_deref()
    }

    /// The agent will never be ready.
    pub(crate) fn give_up_waiting(&mut self, reason: String, at: Moment, effects: &mut Effects) {
        effects.error(at, reason.clone());
        self.unready.get_or_insert(reason);
    }

    /// Whether the agent is on a turn, or was when it was let go.
    pub(crate) const fn is_in_turn(&self) -> bool {
        matches!(
            self.phase,
            Phase::Turn { .. } | Phase::Closed { in_turn: true }
        )
    }

    /// Since when the agent has nothing to do, if it has nothing to do.
    pub(crate) const fn idle_since(&self) -> Option<Instant> {
        match self.phase {
            Phase::Idle(since) => Some(since),
            _ => None,
        }
    }

    /// When the next permission request runs out.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.permissions.next_deadline()
    }

    /// The agent said `line`.
    pub(crate) fn line(&mut self, line: &[u8], at: Moment, effects: &mut Effects) {
        let mut says = Vec::new();
        self.driver.line(line, &mut says, &mut effects.to_agent);
        if says.first().is_some_and(ends_speech) {
            // Before the records that this line leads to, since other lines led to what it ends.
            self.speech.finish(at, effects);
        }
        let first = effects.records.len();
        for said in says {
            self.hear(said, at, effects);
        }
        if let Some(record) = effects.records.get_mut(first) {
            let kept = &line[..line.len().min(RAW_BYTES_MAX)];
            record.raw = Some(String::from_utf8_lossy(kept).into_owned());
        }
    }

    fn hear(&mut self, said: AgentSays, at: Moment, effects: &mut Effects) {
        if ends_speech(&said) {
            self.speech.finish(at, effects);
        }
        match said {
            AgentSays::Ready {
                version,
                agent_session_id,
            } => {
                let ready = Fact::AgentReady {
                    version,
                    agent_session_id,
                };
                effects.fact(at, ready);
                self.become_ready(at, effects);
            }
            AgentSays::CannotBegin(reason) => self.give_up_waiting(reason, at, effects),
            AgentSays::Speaks {
                voice,
                whole,
                piece,
            } => {
                let ids = &mut self.ids;
                let fresh = || MessageId::from_ulid(ids.fresh(at.wall));
                self.speech.hear(voice, whole, piece, fresh, at, effects);
            }
            AgentSays::Event(event) => record_event(event, at, effects),
            AgentSays::Ephemeral(event) => {
                effects.ephemeral.push((effects.records.len(), event));
            }
            AgentSays::Asks(asked) => {
                let id = PermissionId::from_ulid(self.ids.fresh(at.wall));
                self.permissions
                    .ask(id, asked, self.driver.as_mut(), at, effects);
                if matches!(
                    self.phase,
                    Phase::Turn { interrupted: true } | Phase::Closed { .. }
                ) {
                    // It asked before it heard that its turn is to end.
                    self.withdraw_permissions(at, effects);
                }
            }
            AgentSays::TurnEnded(outcome) => self.end_turn(outcome, at, effects),
            AgentSays::Nonsense(why) => effects.error(
                at,
                format!("the agent said something that is not understood: {why}"),
            ),
        }
    }

    fn become_ready(&mut self, at: Moment, effects: &mut Effects) {
        if let Phase::Starting { interrupted } = self.phase {
            self.phase = Phase::Idle(at.tick);
            self.say_next(at, effects);
            if interrupted {
                // The turn begins all the same: that its prompt came, and what became of it, is
                // then told as of any other.
                self.interrupt(at, effects);
            }
        }
    }

    fn end_turn(&mut self, outcome: TurnOutcome, at: Moment, effects: &mut Effects) {
        self.permissions.cancel_all("agent", None, at, effects);
        match self.phase {
            Phase::Turn { .. } => self.phase = Phase::Idle(at.tick),
            Phase::Closed { in_turn: true } => self.phase = Phase::Closed { in_turn: false },
            Phase::Starting { .. } | Phase::Idle(_) | Phase::Closed { in_turn: false } => {
                effects.error(at, "the agent ended a turn that it was not on");
                return;
            }
        }
        effects.fact(at, Fact::TurnEnded { outcome });
        self.say_next(at, effects);
    }

    /// Says this to the agent: now, later, or in the middle of its turn.
    pub(crate) fn prompt(
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
            steer && self.driver.can_steer() && self.phase == (Phase::Turn { interrupted: false });
        if steers {
            self.known.insert(id);
            if let Err(why) = self.driver.prompt(id, &content, &mut effects.to_agent) {
                effects.error(at, not_given(&why));
                return;
            }
            let said = WaitingPrompt {
                id,
                content,
                author,
                delivery: PromptDelivery::Steered,
            };
            self.record_message(said, at, effects);
            return;
        }
        if self.waiting.len() >= PROMPTS_WAITING_MAX || matches!(self.phase, Phase::Closed { .. }) {
            // It stays unknown, so it may be asked again.
            effects.log(
                at,
                LogLevel::Warn,
                format!("the prompt {id} was not taken: the agent is ending or too many wait"),
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
        self.say_next(at, effects);
    }

    /// Takes back a prompt that waits. It stays known, so that it is not said after all.
    pub(crate) fn withdraw(&mut self, id: PromptId) {
        self.known.insert(id);
        self.waiting
            .retain(|prompt| prompt.id != id || prompt.delivery == PromptDelivery::Initial);
    }

    /// Begins a turn with the prompt that has waited longest, when the agent is idle.
    fn say_next(&mut self, at: Moment, effects: &mut Effects) {
        if !matches!(self.phase, Phase::Idle(_)) {
            return;
        }
        let Some(prompt) = self.waiting.pop_front() else {
            return;
        };
        self.speech.finish(at, effects);
        self.phase = Phase::Turn { interrupted: false };
        let given = self
            .driver
            .prompt(prompt.id, &prompt.content, &mut effects.to_agent);
        let (prompt_id, delivery) = (prompt.id, prompt.delivery);
        effects.fact(
            at,
            Fact::TurnStarted {
                prompt_id,
                delivery,
            },
        );
        self.record_message(prompt, at, effects);
        if let Err(why) = given {
            let reason = not_given(&why);
            effects.error(at, reason.clone());
            self.end_turn(TurnOutcome::Failed { reason }, at, effects);
        }
    }

    fn record_message(&mut self, prompt: WaitingPrompt, at: Moment, effects: &mut Effects) {
        let message = Message {
            role: MessageRole::User,
            message_id: MessageId::from_ulid(self.ids.fresh(at.wall)),
            content: prompt.content.blocks().to_vec(),
            author: Some(prompt.author),
            delivery: Some(prompt.delivery),
            prompt_id: Some(prompt.id),
        };
        effects.event(at, EventPayload::Message(message));
    }

    /// Gives the agent an answer. One to a request that is settled or was never made is ignored.
    pub(crate) fn answer(
        &mut self,
        id: PermissionId,
        answer: &PermissionAnswer,
        by: &str,
        at: Moment,
        effects: &mut Effects,
    ) {
        self.permissions
            .answer(id, answer, by, self.driver.as_mut(), at, effects);
    }

    /// Settles the permission requests whose time is up.
    pub(crate) fn expire_permissions(&mut self, at: Moment, effects: &mut Effects) {
        self.permissions.expire(self.driver.as_mut(), at, effects);
    }

    /// Tells the agent to end its turn, once a turn. One that is not ready yet is told when it has
    /// begun its first.
    pub(crate) fn interrupt(&mut self, at: Moment, effects: &mut Effects) {
        if let Phase::Starting { interrupted } = &mut self.phase {
            *interrupted = true;
        }
        if self.phase != (Phase::Turn { interrupted: false }) {
            return;
        }
        self.phase = Phase::Turn { interrupted: true };
        // The agent learns of the interruption before its questions are withdrawn: otherwise it
        // would take the withdrawal for an answer and go on with its turn.
        self.driver.interrupt(&mut effects.to_agent);
        self.withdraw_permissions(at, effects);
    }

    /// Withdraws every permission request, and tells the agent so.
    fn withdraw_permissions(&mut self, at: Moment, effects: &mut Effects) {
        self.permissions
            .cancel_all("agent", Some(self.driver.as_mut()), at, effects);
    }

    /// From now on the agent is given no prompt. Its turn may still come to an end.
    pub(crate) fn close(&mut self) {
        if !matches!(self.phase, Phase::Closed { .. }) {
            let in_turn = self.is_in_turn();
            self.phase = Phase::Closed { in_turn };
        }
    }

    /// The agent is gone: nothing it asked for is waited for.
    pub(crate) fn agent_ended(&mut self, at: Moment, effects: &mut Effects) {
        self.close();
        self.speech.finish(at, effects);
        self.permissions.cancel_all("agent", None, at, effects);
    }
}

/// Whether what an agent was saying has come to its end with this: it says or does something else
/// that is written down.
const fn ends_speech(said: &AgentSays) -> bool {
    !matches!(said, AgentSays::Speaks { .. } | AgentSays::Ephemeral(_))
}

fn not_given(why: &str) -> String {
    format!("the prompt was not given to the agent: {why}")
}

/// Writes down what an agent said, unless it is not for an agent to say.
fn record_event(mut event: EventPayload, at: Moment, effects: &mut Effects) {
    let is_ours = match &event {
        EventPayload::Status(_)
        | EventPayload::PermissionRequest(_)
        | EventPayload::PermissionResolved(_) => true,
        EventPayload::Message(message) => message.role == MessageRole::User,
        _ => false,
    };
    if is_ours {
        let name = event.event_type();
        effects.error(
            at,
            format!("the agent sent a `{name}`, which is not its to send"),
        );
        return;
    }
    if let EventPayload::ToolResult(result) = &mut event {
        leave_out_middle(&mut result.tool_output, TOOL_OUTPUT_BYTES_MAX);
    }
    effects.event(at, event);
}

#[cfg(test)]
mod tests;
