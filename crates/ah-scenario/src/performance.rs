//! A script as it is played where nothing is done for real: what the agent would say, and when.

mod expand;

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    ContentBlock, EphemeralEvent, EventPayload, Log, LogLevel, Message, MessageId, MessageRole,
    PermissionOption, PromptContent,
};
use ulid::Ulid;

use crate::{Action, Condition, Defines, ExpectedAnswer, PermissionAsk, Script, Step};

/// What comes next in a performance.
#[derive(Clone, Debug, PartialEq)]
pub enum Cue {
    /// This time passes, before scaling.
    Wait(Duration),
    /// The agent says, thinks, does or edits something.
    Event(EventPayload),
    /// The same in the making.
    Ephemeral(EphemeralEvent),
    /// The agent asks leave, and nothing more comes before [`Performance::answered`].
    Ask(PermissionAsk),
    /// Nothing more comes by itself: the agent waits for an answer, or hangs.
    Stuck,
    /// The turn is over, and went well.
    TurnCompleted,
    /// The turn is over, and has failed with this reason; what was left of it is given up.
    TurnFailed(String),
    /// The agent's process exits with this code.
    Exit(u8),
    /// The agent's process ends by a signal.
    Crash,
}

/// A script that is being played: a turn at a time, a [`Cue`] at a time.
///
/// Tools come out as the script tells, edits change what it says, and claims about the workspace
/// are taken to hold. Everything else, such as what is skipped for want of leave and where a turn
/// ends, is as the agent does it that plays for real.
#[derive(Clone, Debug)]
pub struct Performance {
    script: Arc<Script>,
    defines: Defines,
    /// The step that comes next.
    cursor: usize,
    /// What the step before has still to say.
    due: VecDeque<Cue>,
    /// The prompt of the turn.
    prompt: String,
    /// The request that waits for an answer.
    asked: Option<PermissionAsk>,
    /// For each permission request that was answered, in order, whether leave was given.
    leave: Vec<(usize, bool)>,
    /// How many tools were used, for their names.
    tools_used: u64,
    next_message: Ulid,
}

impl Performance {
    /// A performance of `script` that has not begun. The messages are numbered upwards from
    /// `first_message`.
    #[must_use]
    pub const fn new(script: Arc<Script>, defines: Defines, first_message: Ulid) -> Self {
        Self {
            script,
            defines,
            cursor: 0,
            due: VecDeque::new(),
            prompt: String::new(),
            asked: None,
            leave: Vec::new(),
            tools_used: 0,
            next_message: first_message,
        }
    }

    /// Begins a turn with this prompt.
    pub fn begin(&mut self, prompt: &PromptContent) {
        self.prompt = prompt.text();
        self.due.clear();
        self.asked = None;
        if self.cursor >= self.script.steps.len() {
            let text = format!(
                "The scenario `{}` has ended; there is no more to play.",
                self.script.name
            );
            let said = self.message(vec![ContentBlock::text(text)]);
            self.due.extend([Cue::Event(said), Cue::TurnCompleted]);
        }
    }

    /// What comes next in the turn. After the cue that ends it, the next turn has to be begun.
    #[must_use = "a cue that was taken does not come again"]
    pub fn next_cue(&mut self) -> Cue {
        loop {
            if let Some(cue) = self.due.pop_front() {
                return cue;
            }
            if self.asked.is_some() {
                return Cue::Stuck;
            }
            let script = self.script.clone();
            let Some(step) = script.steps.get(self.cursor) else {
                return Cue::TurnCompleted;
            };
            if step.action == Action::Hang {
                return Cue::Stuck;
            }
            self.cursor += 1;
            if self.is_due(step) {
                if !step.delay.is_zero() {
                    self.due.push_back(Cue::Wait(step.delay));
                }
                self.expand(step);
            }
        }
    }

    /// Answers the request that waits, with one of its options, or by cancelling it.
    pub fn answered(&mut self, option_id: Option<&str>) {
        let Some(ask) = self.asked.take() else { return };
        let chosen = option_id.and_then(|id| ask.options.iter().find(|option| option.id == id));
        let given = chosen.is_some_and(|option| option.kind.allows());
        self.leave.push((ask.number, given));
        if ask
            .expected
            .as_ref()
            .is_some_and(|expected| !is_as_expected(expected, chosen))
        {
            let answer = chosen.map_or("cancelled", |option| option.id.as_str());
            let message = format!("the scenario did not expect the answer `{answer}`");
            self.due.push_front(log(LogLevel::Debug, message));
        }
    }

    /// What the agent says to a prompt in the middle of its turn.
    pub fn steered(&mut self, prompt: &PromptContent) -> EventPayload {
        let text = format!(
            "I heard you: “{}”. I go on with what I am at.",
            prompt.text()
        );
        self.message(vec![ContentBlock::text(text)])
    }

    /// Gives up what is left of the turn: the next one begins where the script waits for a prompt.
    pub fn give_up_turn(&mut self) {
        self.due.clear();
        self.asked = None;
        self.skip_to_prompt();
    }

    fn skip_to_prompt(&mut self) {
        let rest = &self.script.steps[self.cursor.min(self.script.steps.len())..];
        let boundary = rest
            .iter()
            .position(|step| matches!(step.action, Action::AwaitPrompt(_)));
        self.cursor = match boundary {
            Some(index) => self.cursor + index + 1,
            None => self.script.steps.len(),
        };
    }

    /// Whether the conditions of a step are met. That something was skipped for want of leave is
    /// said.
    fn is_due(&mut self, step: &Step) -> bool {
        let given = |number: usize| {
            let answer = self.leave.iter().rev().find(|(asked, _)| *asked == number);
            answer.map(|(_, given)| *given)
        };
        for condition in &step.conditions {
            match *condition {
                Condition::IfGranted { request } if given(request) != Some(true) => return false,
                Condition::IfDenied { request } if given(request) != Some(false) => return false,
                Condition::NeedsLeave { request } if given(request) != Some(true) => {
                    let what = match &step.action {
                        Action::UseTool(call) => call.tool_name.clone(),
                        Action::Edit(edit) => format!("the edit of {}", edit.path),
                        _ => step.place.clone(),
                    };
                    let message = format!("skipped {what}: leave was not given");
                    self.due.push_back(log(LogLevel::Info, message));
                    return false;
                }
                Condition::IfGranted { .. }
                | Condition::IfDenied { .. }
                | Condition::NeedsLeave { .. } => {}
            }
        }
        true
    }

    fn message_id(&mut self) -> MessageId {
        let id = self.next_message;
        self.next_message = Ulid(id.0.wrapping_add(1));
        MessageId::from_ulid(id)
    }

    fn message(&mut self, content: Vec<ContentBlock>) -> EventPayload {
        let message_id = self.message_id();
        message(message_id, content)
    }

    /// A text of the script with the prompt and the defines in it.
    fn filled(&self, text: &str) -> String {
        crate::fill(text, &self.prompt, &self.defines)
    }
}

fn message(message_id: MessageId, content: Vec<ContentBlock>) -> EventPayload {
    EventPayload::Message(Message {
        role: MessageRole::Assistant,
        message_id,
        content,
        author: None,
        delivery: None,
        prompt_id: None,
    })
}

fn log(level: LogLevel, message: String) -> Cue {
    Cue::Event(EventPayload::Log(Log {
        level,
        message,
        tool_execution_id: None,
    }))
}

fn is_as_expected(expected: &ExpectedAnswer, chosen: Option<&PermissionOption>) -> bool {
    match expected {
        ExpectedAnswer::Option(id) => chosen.is_some_and(|option| option.id == *id),
        ExpectedAnswer::Cancelled => chosen.is_none(),
        ExpectedAnswer::Granted => chosen.is_some_and(|option| option.kind.allows()),
        ExpectedAnswer::Denied => chosen.is_none_or(|option| !option.kind.allows()),
    }
}

#[cfg(test)]
mod tests;
