//! Scripts of the model, and the selection of a step by a conversation.

use serde::Deserialize;
use serde_json::Value;

use crate::conversation::{Conversation, Turn};

/// The built-in scripts, as JSON.
const BUILTIN: &str = include_str!("scripts.json");

/// The answer after the last step of a script.
const NOTHING_MORE: &str = "Nothing more to do.";

/// The answer to a request without tools if its step calls tools.
///
/// Such a request asks for a title or a summary of the conversation.
const TITLE: &str = "A title from the fake model";

/// An answer of the model: its text, then its tool calls.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
#[serde(deny_unknown_fields, default)]
pub struct Step {
    /// A thought before the text, in dialects with thoughts.
    pub think: String,
    /// The text.
    pub text: String,
    /// The operations, which become tool calls.
    #[serde(rename = "ops")]
    pub operations: Vec<Operation>,
    /// The id of every tool call, in dialects with ids; by default each call has its own.
    pub call_id: Option<String>,
    /// The delay before each word, in milliseconds.
    pub delay_ms: u64,
    /// An injected fault.
    pub fault: Option<Fault>,
    /// The reported usage.
    pub usage: Usage,
}

impl Step {
    /// Creates a step with a text and no tool calls.
    #[must_use]
    pub fn saying(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            ..Self::default()
        }
    }
}

/// An operation that the agent performs, independent of the names of its tools.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "op", rename_all = "snake_case", deny_unknown_fields)]
pub enum Operation {
    /// Run a command in a shell.
    Shell {
        /// The command line.
        command: String,
        /// True if the agent does not wait for its end.
        #[serde(default)]
        background: bool,
    },
    /// Write a complete file.
    Write {
        /// Its path, relative to the workspace.
        path: String,
        /// Its content, in complete lines.
        content: String,
    },
    /// Read a file.
    Read {
        /// Its path, relative to the workspace.
        path: String,
    },
    /// Replace a text in a file.
    Edit {
        /// Its path, relative to the workspace.
        path: String,
        /// The text: a complete line, the unit of patches.
        old: String,
        /// The replacement.
        new: String,
    },
}

/// A fault of an answer.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// 401: the key is refused.
    Unauthorized,
    /// 429: too many requests.
    RateLimited,
    /// 529: overloaded; 503 in dialects without 529.
    Overloaded,
    /// 400: the conversation exceeds the context of the model.
    ContextLength,
    /// The connection breaks after the text.
    Cut,
    /// The body ends regularly after the text, without the final frames of the dialect.
    Truncated,
    /// No data follows the first words.
    Stall,
}

impl Fault {
    /// Returns true if an answer starts and stays incomplete.
    pub(crate) const fn is_of_the_stream(self) -> bool {
        matches!(self, Self::Cut | Self::Truncated | Self::Stall)
    }
}

/// The reported usage of an answer, in tokens.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Usage {
    /// Input, including cached tokens in dialects that include them.
    pub input: u64,
    /// The cached part of the input.
    pub cached: u64,
    /// Output, including reasoning.
    pub output: u64,
    /// The reasoning part of the output.
    pub reasoning: u64,
}

impl Default for Usage {
    fn default() -> Self {
        Self {
            input: 1000,
            cached: 200,
            output: 50,
            reasoning: 10,
        }
    }
}

/// Returns the scripts that `[[fake:NAME]]` selects, by name.
///
/// # Panics
/// If the compiled-in file is not a map of scripts, which a test excludes.
#[must_use]
pub fn builtin_scripts() -> std::collections::BTreeMap<String, Vec<Step>> {
    serde_json::from_str(BUILTIN).expect("a test parses the built-in scripts")
}

/// The current step of a conversation.
#[derive(Debug, PartialEq)]
pub(crate) struct Chosen {
    /// The name of the script; `inline` for one in the prompt, `None` without a marker.
    pub(crate) script: Option<String>,
    /// The number of the step, from 0.
    pub(crate) index: usize,
    /// The step.
    pub(crate) step: Step,
}

/// Selects the step by the newest user message with a marker.
///
/// # Errors
/// A message, if the marker neither names nor contains a script.
pub(crate) fn choose(conversation: &Conversation) -> Result<Chosen, String> {
    let marked = conversation
        .turns
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, turn)| match turn {
            Turn::User(text) => Some((at, marker(text)?)),
            _ => None,
        });
    let Some((at, marker)) = marked else {
        let said = conversation.newest_prompt().unwrap_or("nothing");
        let end: String = said.chars().rev().take(200).collect();
        let end: String = end.chars().rev().collect();
        return Ok(Chosen {
            script: None,
            index: 0,
            step: Step::saying(format!("You said: {end}")),
        });
    };
    let (script, steps) = steps_of(marker)?;
    let later = &conversation.turns[at + 1..];
    let called = rounds(later);
    let answered = called + answers(later);
    let index = called.max(answered.min(steps.len().saturating_sub(1)));
    let step = steps
        .get(index)
        .cloned()
        .unwrap_or_else(|| Step::saying(NOTHING_MORE));
    Ok(Chosen {
        script: Some(script),
        index,
        step: if conversation.tools.is_empty() {
            without_tools(step)
        } else {
            step
        },
    })
}

/// A marker in a prompt.
#[derive(Clone, Copy)]
enum Marker<'a> {
    Named(&'a str),
    Inline(&'a str),
}

/// Finds the last marker of a text.
fn marker(text: &str) -> Option<Marker<'_>> {
    let named = text.rfind("[[fake:");
    let inline = text.rfind("[[fake-script:");
    if inline > named {
        return Some(Marker::Inline(&text[inline? + "[[fake-script:".len()..]));
    }
    let (name, _) = text[named? + "[[fake:".len()..].split_once("]]")?;
    Some(Marker::Named(name))
}

fn steps_of(marker: Marker<'_>) -> Result<(String, Vec<Step>), String> {
    match marker {
        Marker::Named(name) => builtin_scripts()
            .remove(name)
            .map(|steps| (name.to_owned(), steps))
            .ok_or_else(|| format!("there is no script `{name}`")),
        Marker::Inline(text) => first_value(text)
            .and_then(serde_json::from_value)
            .map(|steps| ("inline".to_owned(), steps))
            .map_err(|error| format!("failed to parse the script in the prompt: {error}")),
    }
}

/// Parses the JSON value at the start of a text. Agents append their own text to a prompt.
fn first_value(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::Deserializer::from_str(text)
        .into_iter()
        .next()
        .unwrap_or(Ok(Value::Null))
}

/// Counts the rounds of tool calls; parallel calls are one round.
fn rounds(turns: &[Turn]) -> usize {
    let mut rounds = 0;
    let mut in_calls = false;
    for turn in turns {
        match turn {
            Turn::Call if !in_calls => {
                rounds += 1;
                in_calls = true;
            }
            Turn::Call | Turn::Assistant => {}
            Turn::User(_) | Turn::Result => in_calls = false,
        }
    }
    rounds
}

/// Counts the answers without tool calls that are followed by a message.
///
/// Such a message is a notification of the agent, or its substitute for a result that it lost.
fn answers(turns: &[Turn]) -> usize {
    turns
        .windows(2)
        .filter(|pair| matches!(pair, [Turn::Assistant, Turn::User(_)]))
        .count()
}

/// Reduces a step for a request that offers no tools.
fn without_tools(step: Step) -> Step {
    let refuses = step.fault.is_some_and(|fault| !fault.is_of_the_stream());
    let is_plain = step.operations.is_empty() && step.delay_ms == 0 && step.fault.is_none();
    if refuses || is_plain {
        step
    } else {
        Step::saying(TITLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::Tool;

    fn conversation(turns: Vec<Turn>) -> Conversation {
        Conversation {
            turns,
            tools: vec![Tool::function("bash", Value::Null)],
            ..Conversation::default()
        }
    }

    fn user(text: &str) -> Turn {
        Turn::User(text.to_owned())
    }

    #[test]
    fn every_builtin_script_is_selected_by_name() {
        for (name, steps) in builtin_scripts() {
            let turns = vec![user(&format!("do [[fake:{name}]] now"))];
            let chosen = choose(&conversation(turns)).unwrap();
            assert_eq!(chosen.step, steps[0], "{name}");
            assert_eq!(chosen.script, Some(name));
        }
    }

    #[test]
    fn call_rounds_after_the_last_marker_select_the_step() {
        let turns = vec![
            user("[[fake:edit]]"),
            Turn::Call,
            Turn::Result,
            user("[[fake:edit]] again"),
            Turn::Assistant,
            Turn::Call,
            Turn::Call,
            Turn::Result,
            Turn::Result,
            user("a reminder of the agent's own"),
        ];
        assert_eq!(choose(&conversation(turns.clone())).unwrap().index, 1);
        let further = [turns, vec![Turn::Call, Turn::Result, Turn::Call]].concat();
        let chosen = choose(&conversation(further)).unwrap();
        assert_eq!(chosen.step, Step::saying(NOTHING_MORE));
    }

    #[test]
    fn notification_of_the_agent_selects_the_next_step_if_there_is_one() {
        let turns = vec![
            user("[[fake:parallel]]"),
            Turn::Assistant,
            user("a command has ended"),
        ];
        assert_eq!(choose(&conversation(turns.clone())).unwrap().index, 1);
        let further = [turns, vec![Turn::Assistant, user("another one")]].concat();
        assert_eq!(choose(&conversation(further)).unwrap().index, 1);
    }

    #[test]
    fn script_in_the_prompt_is_parsed_despite_trailing_text() {
        let prompt = r#"[[fake-script:[{"text":"hi","ops":[{"op":"shell","command":"[[ -e a ]]"}]}]]] [[cwd:/w]]"#;
        let chosen = choose(&conversation(vec![user(prompt)])).unwrap();
        assert_eq!(chosen.step.text, "hi");
        assert_eq!(chosen.step.operations.len(), 1);
    }

    #[test]
    fn unknown_marker_is_rejected() {
        for (prompt, says) in [
            ("[[fake:nothing]]", "`nothing`"),
            (r#"[[fake-script:[{"txt":"hi"}]]]"#, "txt"),
        ] {
            let error = choose(&conversation(vec![user(prompt)])).unwrap_err();
            assert!(error.contains(says), "{error}");
        }
    }

    #[test]
    fn request_without_tools_gets_a_title_or_refusal() {
        let ask = |prompt: &str| {
            let mut conversation = conversation(vec![user(prompt)]);
            conversation.tools.clear();
            choose(&conversation).unwrap().step
        };
        assert_eq!(ask("[[fake:edit]]"), Step::saying(TITLE));
        assert_eq!(ask("[[fake:drip]]"), Step::saying(TITLE));
        assert_eq!(ask("[[fake:cut]]"), Step::saying(TITLE));
        assert_eq!(
            ask("[[fake:unauthorized]]").fault,
            Some(Fault::Unauthorized)
        );
        assert_eq!(ask("[[fake:hello]]"), builtin_scripts()["hello"][0]);
    }

    #[test]
    fn without_a_marker_the_prompt_is_repeated() {
        let chosen = choose(&conversation(vec![user("good morning")])).unwrap();
        assert_eq!(chosen.step.text, "You said: good morning");
        assert_eq!(chosen.script, None);
    }
}
