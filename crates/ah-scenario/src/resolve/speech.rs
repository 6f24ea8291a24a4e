//! Thoughts and messages of the agent, and errors of its model.

use std::time::Duration;

use ah_rest_api_contract::{ErrorEvent, EventPayload, Thought};

use super::{Timeline, content, plan};
use crate::node::Node;
use crate::{Piece, ScenarioError, StepAction};

impl Timeline {
    /// Resolves `llmResponse`: a list of objects with `think`, `assistant`, `error` or `agentPlan`.
    pub(super) fn play_response(&mut self, value: &Node) -> Result<(), ScenarioError> {
        for element in value.one_or_more() {
            for (key, part) in element.map()? {
                match key.as_str() {
                    "think" | "assistant" => self.play_speech(key, part)?,
                    "agentPlan" => {
                        let plan = plan(part)?;
                        self.now(part, StepAction::Event(EventPayload::Plan(plan)));
                    }
                    "error" => {
                        let error = model_error(part)?;
                        self.now(part, StepAction::Event(EventPayload::Error(error)));
                    }
                    "agentToolUse" => {
                        return Err(part.invalid(
                            "a tool use stands in the timeline itself, outside of `llmResponse`",
                        ));
                    }
                    // Unknown keys are ignored, as everywhere in the format.
                    _ => {}
                }
            }
        }
        Ok(())
    }

    /// Resolves `think` (a thought for each item) and `assistant` (one message with a piece for
    /// each item). Times are relative to the start of the list. An item whose time has passed has
    /// no delay.
    pub(super) fn play_speech(&mut self, key: &str, value: &Node) -> Result<(), ScenarioError> {
        let mut clock = Duration::ZERO;
        let mut pieces = Vec::new();
        for item in items(value) {
            let (at, entry) = content::timed(item)?;
            let delay = at.saturating_sub(clock);
            clock = clock.max(at);
            if key == "think" {
                let thought = EventPayload::Thought(Thought::new(entry.text()?.to_owned()));
                self.push(item, delay, StepAction::Event(thought));
                continue;
            }
            if let Some(kind @ ("diff" | "plan")) = block_type(entry) {
                let what = format!("assistant content of type {kind}");
                self.now(item, StepAction::NotPlayed(what));
                continue;
            }
            let content = content::block(entry)?;
            pieces.push(Piece { delay, content });
        }
        if !pieces.is_empty() {
            self.now(value, StepAction::Say(pieces));
        }
        Ok(())
    }
}

/// Returns the items of a timed list. `[500, "text"]` is a single pair, not a list of two.
fn items(value: &Node) -> &[Node] {
    match value.one_or_more() {
        [time, _] if time.millis().is_ok() => std::slice::from_ref(value),
        items => items,
    }
}

fn block_type(node: &Node) -> Option<&str> {
    node.field("type").and_then(|node| node.text().ok())
}

fn model_error(value: &Node) -> Result<ErrorEvent, ScenarioError> {
    let kind = value.required("errorType")?.text()?;
    let message = value.required("message")?.text()?;
    let status = value.field("statusCode").map_or(Ok(400), Node::count)?;
    let mut text = format!("{kind} ({status}): {message}");
    if let Some(seconds) = value
        .field("retryAfterSeconds")
        .map(Node::count)
        .transpose()?
    {
        text.push_str(&format!(" (retry after {seconds} s)"));
    }
    Ok(ErrorEvent::new(text))
}
