//! The conversation between a session and its agent: the state of the turn, the prompts that wait,
//! and the permission requests that are pending.

mod prompts;

use std::collections::{HashMap, HashSet, VecDeque};
use std::time::{Duration, Instant};

use ah_rest_api_contract::{
    Activity, EventPayload, MessageId, MessageRole, PermissionAnswer, PermissionId,
    PermissionPolicy, PromptContent, PromptDelivery, PromptId,
};

use super::permissions::Permissions;
use super::shorten::leave_out_middle;
use super::speech::Speech;
use super::{AgentInput, AgentOutput, Effects, Identifiers, Moment, Settling, Work};
use crate::{Fact, TurnOutcome};

/// The most prompts that wait here. The access point keeps the queue that users see; this one is
/// for the prompts that it has handed over.
const PROMPTS_WAITING_MAX: usize = 256;

/// The most bytes of an agent's line that are kept with the record that it led to.
const RAW_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of a tool's output that are kept.
const TOOL_OUTPUT_BYTES_MAX: usize = 64 * 1024;

/// The time without output after which an agent without a turn has said what it had to say: its
/// message is recorded, and the calls that its last turn left open are closed.
const QUIET_MAX: Duration = Duration::from_secs(1);

/// The time without output after which a tool call between turns is given up.
const SILENCE_MAX: Duration = Duration::from_secs(30 * 60);

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

    /// Returns the time at which an agent without further output is settled.
    fn settling_deadline(&self) -> Option<Instant> {
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
    fn settle(&mut self, settling: Settling, at: Moment, effects: &mut Effects) {
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
    fn record_activity(&mut self, at: Moment, effects: &mut Effects) {
        if self.is_in_turn() || self.is_starting() {
            return;
        }
        let activity = self.work().activity();
        if activity != self.recorded {
            self.recorded = activity;
            effects.fact(at, Fact::Activity { activity });
        }
    }

    /// Processes the output that the agent's `line` led to. The first record keeps the line.
    pub fn line(
        &mut self,
        line: &[u8],
        output: Vec<AgentOutput>,
        at: Moment,
        effects: &mut Effects,
    ) {
        if output.first().is_some_and(AgentOutput::ends_message) {
            // Before the records that this line leads to: earlier lines led to the message.
            self.speech.finish(at, effects);
        }
        let first = effects.records.len();
        for output in output {
            self.process(output, at, effects);
        }
        self.note_output(at);
        if let Some(record) = effects.records.get_mut(first) {
            let kept = &line[..line.len().min(RAW_BYTES_MAX)];
            record.raw = Some(String::from_utf8_lossy(kept).into_owned());
        }
        self.record_activity(at, effects);
    }

    /// Processes one output of the agent.
    pub fn output(&mut self, output: AgentOutput, at: Moment, effects: &mut Effects) {
        self.process(output, at, effects);
        self.note_output(at);
        self.record_activity(at, effects);
    }

    fn note_output(&mut self, at: Moment) {
        self.last_output = Some(at.tick);
        self.is_settled = false;
    }

    fn process(&mut self, output: AgentOutput, at: Moment, effects: &mut Effects) {
        if output.is_reaction() {
            self.confirm_prompts(at, effects);
        }
        if output.ends_message() {
            self.speech.finish(at, effects);
        }
        match output {
            AgentOutput::Ready {
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
            AgentOutput::Unavailable(reason) => self.give_up_waiting(reason, at, effects),
            AgentOutput::Chunk {
                channel,
                whole,
                content,
            } => {
                let ids = &mut self.ids;
                let new_id = || MessageId::from_ulid(ids.next(at.wall));
                self.speech
                    .add(channel, whole, content, new_id, at, effects);
            }
            AgentOutput::Event(event) => {
                self.note_call(&event);
                record_event(event, at, effects);
            }
            AgentOutput::Ephemeral(event) => effects.ephemeral(event),
            AgentOutput::PermissionRequest(request) => {
                let id = PermissionId::from_ulid(self.ids.next(at.wall));
                self.permissions
                    .request(id, request, &mut self.agent, at, effects);
                self.note_permissions();
                if matches!(
                    self.phase,
                    Phase::Turn { interrupted: true } | Phase::Closed { .. }
                ) {
                    // The request was sent before the agent received the interruption.
                    self.withdraw_permissions(true, at, effects);
                }
            }
            AgentOutput::TurnEnded(outcome) => self.end_turn(outcome, at, effects),
            AgentOutput::Malformed(why) => {
                effects.error(at, format!("the agent sent an invalid message: {why}"))
            }
        }
    }

    fn note_call(&mut self, event: &EventPayload) {
        match event {
            EventPayload::ToolUse(call) => {
                let origin = if self.is_in_turn() {
                    Origin::Turn
                } else {
                    Origin::BetweenTurns
                };
                self.open_calls
                    .insert(call.tool_execution_id.clone(), origin);
            }
            EventPayload::ToolResult(call) => {
                self.open_calls.remove(&call.tool_execution_id);
            }
            _ => {}
        }
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

    fn become_ready(&mut self, at: Moment, effects: &mut Effects) {
        if let Phase::Starting { interrupted } = self.phase {
            self.phase = Phase::Idle(at.tick);
            self.start_next_turn(at, effects);
            if interrupted {
                // The turn begins all the same, so that its prompt and outcome are recorded.
                self.interrupt(at, effects);
            }
        }
    }

    fn end_turn(&mut self, outcome: TurnOutcome, at: Moment, effects: &mut Effects) {
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
        self.give_up_prompts(at, effects);
        self.withdraw_permissions(false, at, effects);
        self.open_calls.clear();
        self.record_activity(at, effects);
    }
}

/// Records an event of the agent, unless only the access point may write such an event.
fn record_event(mut event: EventPayload, at: Moment, effects: &mut Effects) {
    let is_of_user = matches!(
        &event,
        EventPayload::Message(message) if message.role == MessageRole::User
    );
    if is_of_user || event.is_reserved() {
        let name = event.event_type();
        effects.error(
            at,
            format!("the agent sent a `{name}`, which an agent may not send"),
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
