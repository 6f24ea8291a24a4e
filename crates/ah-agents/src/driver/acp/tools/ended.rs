//! The tool calls that have ended. An update of one of them begins no new call, and the result of a
//! call that was closed by a guess replaces the guess.

use std::collections::VecDeque;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde_json::{Map, Value};

use super::call::{AgentCall, Status};
use super::report::read_input;

/// The number of ended calls that are remembered.
const ENDED_MAX: usize = 1024;

/// The number of guessed calls that are kept for a late result.
const GUESSED_MAX: usize = 64;

/// The ended calls of a session.
#[derive(Debug)]
pub(super) struct EndedCalls {
    ended: VecDeque<EndedCall>,
    /// The calls that were closed without a report of their end.
    guessed: VecDeque<AgentCall>,
}

/// The identity of an ended call.
#[derive(Debug)]
struct EndedCall {
    agent_id: String,
    kind: String,
    title: String,
    /// A digest of its input.
    input: u64,
}

impl EndedCalls {
    pub(super) const fn new() -> Self {
        Self {
            ended: VecDeque::new(),
            guessed: VecDeque::new(),
        }
    }

    pub(super) fn add(&mut self, call: AgentCall) {
        self.ended.push_back(EndedCall {
            agent_id: call.agent_id.clone(),
            kind: call.kind().to_owned(),
            title: call.title.clone(),
            input: digest(call.input()),
        });
        if self.ended.len() > ENDED_MAX {
            self.ended.pop_front();
        }
        if call.is_given_up() {
            self.guessed.push_back(call);
            if self.guessed.len() > GUESSED_MAX {
                self.guessed.pop_front();
            }
        }
    }

    /// Returns true if `update` is a late one of an ended call, and not the first one of a new call
    /// with the same id.
    pub(super) fn is_about_ended(&self, agent_id: &str, update: &Value) -> bool {
        let guessed = self.guessed.iter().rfind(|it| it.agent_id == agent_id);
        if guessed.is_some_and(|call| call.fits(update)) {
            // It may still be running.
            return true;
        }
        let last = self.ended.iter().rfind(|call| call.agent_id == agent_id);
        let Some(last) = last else {
            return false;
        };
        let is_other = |name: &str, known: &str| {
            update[name]
                .as_str()
                .is_some_and(|told| !told.is_empty() && told != known)
        };
        let input = read_input(update);
        let goes_on = Status::read(update).is_some_and(|status| !status.is_over());
        let describes_another = is_other("kind", &last.kind)
            || is_other("title", &last.title)
            || !input.is_empty() && digest(&input) != last.input;
        !(describes_another || goes_on)
    }

    /// Returns true if a call with this id and input was closed by a guess.
    pub(super) fn has_guessed(&self, agent_id: &str, input: &Map<String, Value>) -> bool {
        let mut guessed = self.guessed.iter();
        guessed.any(|call| call.agent_id == agent_id && call.input() == input)
    }

    /// Takes the guessed call with this id, the latest first.
    pub(super) fn take_guessed(&mut self, agent_id: &str) -> Option<AgentCall> {
        let index = self
            .guessed
            .iter()
            .rposition(|it| it.agent_id == agent_id)?;
        self.guessed.remove(index)
    }
}

fn digest(input: &Map<String, Value>) -> u64 {
    let mut hasher = DefaultHasher::new();
    for (name, value) in input {
        (name, value.to_string()).hash(&mut hasher);
    }
    hasher.finish()
}
