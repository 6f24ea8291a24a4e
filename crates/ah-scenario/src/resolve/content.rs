//! Parses the content of messages and prompts.

use std::time::Duration;

use ah_rest_api_contract::{ContentBlock, PromptContent};
use serde_json::Value;

use crate::ScenarioError;
use crate::node::{Node, NodeKind};

/// Parses a prompt: a text, one content block, or a list of them.
pub(super) fn prompt(node: &Node) -> Result<PromptContent, ScenarioError> {
    let blocks: Result<Vec<_>, _> = node.one_or_more().iter().map(block).collect();
    blocks.map(PromptContent::new)
}

/// Parses an entry of `userInputs`: `{relativeTime, input}`, `[ms, text]`, or a plain text. The
/// time is validated but not used, because the user decides when to send a prompt.
pub(super) fn user_input(node: &Node) -> Result<PromptContent, ScenarioError> {
    match &node.kind {
        NodeKind::Text(_) => prompt(node),
        NodeKind::List(_) => prompt(timed(node)?.1),
        _ => {
            node.field("relativeTime").map(Node::millis).transpose()?;
            prompt(node.required("input")?)
        }
    }
}

/// Parses a timed item: `{relativeTime, content}`, `[ms, content]`, or the content without delay.
pub(super) fn timed(node: &Node) -> Result<(Duration, &Node), ScenarioError> {
    timed_field(node, "content")
}

/// Like [`timed`], with the content in the field with this name.
pub(super) fn timed_field<'a>(
    node: &'a Node,
    content: &str,
) -> Result<(Duration, &'a Node), ScenarioError> {
    match &node.kind {
        NodeKind::Text(_) => Ok((Duration::ZERO, node)),
        NodeKind::List(pair) => match pair.as_slice() {
            [time, content] => Ok((time.millis()?, content)),
            _ => Err(node.invalid(format!(
                "expected a pair `[milliseconds, {content}]`, found a list of {}",
                pair.len()
            ))),
        },
        NodeKind::Map(_) => {
            let time = node.field("relativeTime").map(Node::millis).transpose()?;
            Ok((time.unwrap_or_default(), node.required(content)?))
        }
        _ => Err(node.expected(&format!(
            "`{{relativeTime, {content}}}`, a pair `[milliseconds, {content}]` or a text"
        ))),
    }
}

/// Parses a content block. A text is a text block, and a `path` is used as the URI.
pub(super) fn block(node: &Node) -> Result<ContentBlock, ScenarioError> {
    if let NodeKind::Text(text) = &node.kind {
        return Ok(ContentBlock::text(text.as_str()));
    }
    let mut object = node.to_object();
    if let Some(path) = object.remove("path") {
        object.entry("uri").or_insert(path);
    }
    if let Some(data) = node.field("data")
        && !is_base64(data.text()?)
    {
        return Err(data.invalid("expected base64"));
    }
    let block = serde_json::from_value(Value::Object(object)).map_err(|error| {
        node.invalid(format!(
            "expected a text or a content block (text, image, audio, resource, resource_link): {error}"
        ))
    })?;
    if let ContentBlock::Image {
        uri: None,
        data: None,
        ..
    } = &block
    {
        return Err(node.invalid("an image needs `path`, `uri` or `data`"));
    }
    Ok(block)
}

/// Returns true if the text is padded base64, possibly with line breaks.
fn is_base64(text: &str) -> bool {
    let text: Vec<u8> = text
        .bytes()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let padding = text.iter().rev().take_while(|byte| **byte == b'=').count();
    let (data, _) = text.split_at(text.len() - padding);
    text.len().is_multiple_of(4)
        && padding <= 2
        && data
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}
