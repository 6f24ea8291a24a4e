//! The content of a request, independent of its dialect.

use serde_json::Value;

/// A request for the next answer of the model.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    /// The name of the model.
    pub(crate) model: String,
    /// True if the answer is streamed.
    pub(crate) streamed: bool,
    /// True if thoughts are requested, in dialects that omit them otherwise.
    pub(crate) thinks: bool,
    /// Messages, tool calls and tool results, in order.
    pub(crate) turns: Vec<Turn>,
    /// The tools that the model may call.
    pub(crate) tools: Vec<Tool>,
}

impl Conversation {
    /// Returns the last message of the user.
    pub(crate) fn newest_prompt(&self) -> Option<&str> {
        self.prompts().last()
    }

    /// Returns the messages of the user, in order.
    pub(crate) fn prompts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.turns.iter().filter_map(|turn| match turn {
            Turn::User(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// An entry of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Turn {
    /// A message of the user, or of the agent in the user's name.
    User(String),
    /// A message of the model.
    Assistant,
    /// A tool call of the model.
    Call,
    /// The result of a tool call.
    Result,
}

/// A tool that the model may call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON schema of its arguments; null if it takes free text.
    pub(crate) schema: Value,
    /// True if it takes free text in place of arguments (OpenAI's custom tools).
    pub(crate) takes_text: bool,
    /// Its group, in dialects with groups.
    pub(crate) namespace: Option<String>,
}

impl Tool {
    /// Creates a tool that takes arguments.
    pub(crate) fn function(name: impl Into<String>, schema: Value) -> Self {
        Self {
            name: name.into(),
            schema,
            takes_text: false,
            namespace: None,
        }
    }

    /// Returns the schema of an argument, if it exists.
    pub(crate) fn argument(&self, name: &str) -> Option<&Value> {
        self.schema.get("properties")?.get(name)
    }
}

/// Collects the text of a content: a string, a block with text or content, or a list of these.
pub(crate) fn text_of(content: &Value) -> String {
    match content {
        Value::String(text) => text.clone(),
        Value::Array(parts) => parts.iter().map(text_of).collect::<Vec<_>>().join("\n"),
        Value::Object(block) => block
            .get("text")
            .or_else(|| block.get("content"))
            .map(text_of)
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// Returns a list of a body; an empty one if it is missing.
pub(crate) fn list<'a>(body: &'a Value, field: &str) -> &'a [Value] {
    body[field].as_array().map_or(&[], Vec::as_slice)
}

/// Returns a string of a body; an empty one if it is missing.
pub(crate) fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_default().to_owned()
}
