//! What a request says, whatever its dialect.

use serde_json::Value;

/// A request for the model's next answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Conversation {
    /// Which model is asked.
    pub(crate) model: String,
    /// Whether the answer is to come as a stream.
    pub(crate) streamed: bool,
    /// Whether thoughts are to be said, where a dialect says them only when asked for.
    pub(crate) thinks: bool,
    /// What was said and done, in order.
    pub(crate) turns: Vec<Turn>,
    /// What the model may call.
    pub(crate) tools: Vec<Tool>,
}

impl Conversation {
    /// The last thing that the user said.
    pub(crate) fn newest_prompt(&self) -> Option<&str> {
        self.prompts().last()
    }

    /// What the user said, in order.
    pub(crate) fn prompts(&self) -> impl DoubleEndedIterator<Item = &str> {
        self.turns.iter().filter_map(|turn| match turn {
            Turn::User(text) => Some(text.as_str()),
            _ => None,
        })
    }
}

/// One thing of a conversation.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Turn {
    /// The user, or the agent in the user's name, said this.
    User(String),
    /// The model said something.
    Assistant,
    /// The model called a tool.
    Call,
    /// A tool's result.
    Result,
}

/// What the model may call.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tool {
    pub(crate) name: String,
    /// The JSON schema of its arguments; null when it takes a free text.
    pub(crate) schema: Value,
    /// Whether it takes a free text in place of arguments (OpenAI's custom tools).
    pub(crate) takes_text: bool,
    /// The group that it is in, where a dialect has groups.
    pub(crate) namespace: Option<String>,
}

impl Tool {
    /// A tool that takes arguments.
    pub(crate) fn function(name: impl Into<String>, schema: Value) -> Self {
        Self {
            name: name.into(),
            schema,
            takes_text: false,
            namespace: None,
        }
    }

    /// The schema of one argument; nothing when there is no such argument.
    pub(crate) fn argument(&self, name: &str) -> Option<&Value> {
        self.schema.get("properties")?.get(name)
    }
}

/// All the text in a content that is a text, a block with text or content, or a list of those.
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

/// A list in a body; an empty one when it is not there.
pub(crate) fn list<'a>(body: &'a Value, field: &str) -> &'a [Value] {
    body[field].as_array().map_or(&[], Vec::as_slice)
}

/// A text in a body; an empty one when it is not there.
pub(crate) fn text(body: &Value, field: &str) -> String {
    body[field].as_str().unwrap_or_default().to_owned()
}
