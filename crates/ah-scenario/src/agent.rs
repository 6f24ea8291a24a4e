//! An agent in memory that plays a script: tools produce what the script says, edits change what
//! it says, and assertions hold.

mod step;
mod tool;

use std::collections::VecDeque;
use std::sync::Arc;

use ah_lifecycle::TurnOutcome;
use ah_lifecycle::turns::{AgentInput, AgentOutput, OtherClaims, ToolRequest};
use ah_rest_api_contract::{EventPayload, Log, LogLevel, PromptContent, PromptId};
use ulid::Ulid;

use crate::{Defines, Instruction, Interpreter, Script};
pub use step::AgentStep;

/// The signal of a process that aborts.
const SIGABRT: i32 = 6;

/// An agent that plays a script in memory.
///
/// A [`Conversation`](ah_lifecycle::turns::Conversation) makes the calls of [`AgentInput`]. The owner of the
/// conversation takes the output by [`ScriptedAgent::next_reply`] after each call and by
/// [`ScriptedAgent::play`] while time passes.
#[derive(Clone, Debug)]
pub struct ScriptedAgent {
    interpreter: Interpreter,
    version: String,
    is_in_turn: bool,
    /// The output that follows a call at once.
    replies: VecDeque<AgentOutput>,
    /// The rest of a tool's run.
    due: VecDeque<AgentStep>,
}

impl ScriptedAgent {
    /// Creates an agent at the beginning of `script` that reports `version`. The ids of its
    /// messages count upwards from `first_message`.
    #[must_use]
    pub const fn new(
        script: Arc<Script>,
        defines: Defines,
        version: String,
        first_message: Ulid,
    ) -> Self {
        Self {
            interpreter: Interpreter::new(script, defines, first_message),
            version,
            is_in_turn: false,
            replies: VecDeque::new(),
            due: VecDeque::new(),
        }
    }

    /// Returns the next output that follows a call at once.
    pub fn next_reply(&mut self) -> Option<AgentOutput> {
        self.replies.pop_front()
    }

    /// Returns the next thing that the agent does.
    #[must_use = "each thing is returned once"]
    pub fn play(&mut self) -> AgentStep {
        loop {
            if let Some(reply) = self.next_reply() {
                return AgentStep::Output(reply);
            }
            if !self.is_in_turn {
                return AgentStep::Blocked;
            }
            if let Some(played) = self.due.pop_front() {
                return played;
            }
            let played = match self.interpreter.next_instruction() {
                Instruction::Wait(delay) => AgentStep::Wait(delay),
                Instruction::Event(event) => AgentStep::Output(AgentOutput::Event(event)),
                Instruction::Ephemeral(event) => AgentStep::Output(AgentOutput::Ephemeral(event)),
                Instruction::Ask { key, ask } => {
                    AgentStep::Output(AgentOutput::PermissionRequest(ToolRequest {
                        key,
                        tool_name: ask.tool_name,
                        tool_args: ask.tool_args,
                        options: ask.options,
                        other: OtherClaims::default(),
                        is_tool: true,
                    }))
                }
                Instruction::Tool(tool) => {
                    tool::play(&tool, &mut self.due);
                    continue;
                }
                Instruction::Read {
                    mut tool, expected, ..
                } => {
                    tool.call.result = expected;
                    tool::play(&tool, &mut self.due);
                    continue;
                }
                Instruction::Edit(edit) => {
                    AgentStep::file_edit(edit.path, edit.lines_added, edit.lines_removed)
                }
                Instruction::Assert { place, .. } => AgentStep::event(EventPayload::Log(Log::new(
                    LogLevel::Debug,
                    format!("{place} is taken to hold"),
                ))),
                Instruction::Block => AgentStep::Blocked,
                Instruction::EndTurn(outcome) => {
                    self.is_in_turn = false;
                    AgentStep::Output(AgentOutput::TurnEnded(outcome))
                }
                Instruction::Exit(code) => AgentStep::Exited {
                    exit_code: Some(i32::from(code)),
                    signal: None,
                },
                Instruction::Crash => AgentStep::Exited {
                    exit_code: None,
                    signal: Some(SIGABRT),
                },
            };
            return played;
        }
    }
}

impl AgentInput for ScriptedAgent {
    fn can_steer(&self) -> bool {
        true
    }

    fn begin(&mut self, _to_agent: &mut Vec<u8>) {
        self.replies.push_back(AgentOutput::Ready {
            version: Some(self.version.clone()),
            agent_session_id: None,
        });
    }

    fn prompt(
        &mut self,
        _id: PromptId,
        content: &PromptContent,
        _to_agent: &mut Vec<u8>,
    ) -> Result<(), String> {
        if self.is_in_turn {
            let reply = self.interpreter.steered(content);
            self.replies.push_back(AgentOutput::Event(reply));
        } else {
            self.interpreter.begin(content);
            self.is_in_turn = true;
        }
        Ok(())
    }

    fn interrupt(&mut self, _to_agent: &mut Vec<u8>) {
        if std::mem::take(&mut self.is_in_turn) {
            self.interpreter.abandon_turn();
            self.due.clear();
            let ended = AgentOutput::TurnEnded(TurnOutcome::Interrupted);
            self.replies.push_back(ended);
        }
    }

    fn answer(&mut self, key: &str, option: Option<&str>, _to_agent: &mut Vec<u8>) {
        if self.interpreter.pending() == Some(key) {
            self.interpreter.answered(option);
        }
    }
}

#[cfg(test)]
mod tests;
