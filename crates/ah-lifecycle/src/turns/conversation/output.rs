//! The output of the agent.

use ah_rest_api_contract::{EventPayload, MessageId, MessageRole, PermissionId};

use super::{Conversation, Origin, Phase};
use crate::Fact;
use crate::turns::shorten::leave_out_middle;
use crate::turns::{AgentInput, AgentOutput, Channel, Effects, Moment};

/// The most bytes of an agent's line that are kept with the record that it led to.
const RAW_BYTES_MAX: usize = 16 * 1024;

/// The most bytes of a tool's output that are kept.
const TOOL_OUTPUT_BYTES_MAX: usize = 64 * 1024;

impl<A: AgentInput> Conversation<A> {
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

    pub(super) fn note_output(&mut self, at: Moment) {
        self.last_output = Some(at.tick);
        self.is_settled = false;
    }

    pub(super) fn process(&mut self, output: AgentOutput, at: Moment, effects: &mut Effects) {
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
                let content = match channel {
                    Channel::Message => self.attachments.keep_block(content, at, effects),
                    // Of a thought only the text is recorded.
                    Channel::Thought => content,
                };
                let ids = &mut self.ids;
                let new_id = || MessageId::from_ulid(ids.next(at.wall));
                self.speech
                    .add(channel, whole, content, new_id, at, effects);
            }
            AgentOutput::Event(event) => self.record_event(event, at, effects),
            AgentOutput::ToolResult {
                mut result,
                binaries,
            } => {
                self.attachments
                    .keep_all(&binaries, &mut result, at, effects);
                self.record_event(EventPayload::ToolResult(result), at, effects);
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
                effects.error(at, format!("the agent sent an invalid message: {why}"));
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

    /// Records an event of the agent, unless only the access point may write such an event.
    fn record_event(&mut self, mut event: EventPayload, at: Moment, effects: &mut Effects) {
        self.note_call(&event);
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
        match &mut event {
            EventPayload::ToolResult(result) => {
                leave_out_middle(&mut result.tool_output, TOOL_OUTPUT_BYTES_MAX);
            }
            EventPayload::Message(message) => {
                self.attachments
                    .keep_blocks(&mut message.content, at, effects);
            }
            _ => {}
        }
        effects.event(at, event);
    }
}
