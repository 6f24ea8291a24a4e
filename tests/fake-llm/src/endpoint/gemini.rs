//! Google's Gemini: contents with parts; each frame of a stream is a complete response.

use serde_json::{Value, json};

use crate::conversation::{Conversation, Tool, Turn, list, text};
use crate::stream::{Completion, Frame};

/// Parses a body. The model and the streaming flag are in the path.
pub(super) fn read(body: &Value) -> Conversation {
    let mut turns = Vec::new();
    for content in list(body, "contents") {
        let parts = list(content, "parts");
        let has = |kind: &str| parts.iter().any(|part| part.get(kind).is_some());
        if content["role"] == "model" {
            turns.push(Turn::Assistant);
            if has("functionCall") {
                turns.push(Turn::Call);
            }
            continue;
        }
        if has("functionResponse") {
            turns.push(Turn::Result);
        }
        let said: Vec<&str> = parts
            .iter()
            .filter(|part| part["thought"] != true)
            .filter_map(|part| part["text"].as_str())
            .collect();
        if !said.is_empty() {
            turns.push(Turn::User(said.join("\n")));
        }
    }
    let tools = list(body, "tools")
        .iter()
        .flat_map(|group| list(group, "functionDeclarations"))
        .map(|function| {
            let schema = function
                .get("parametersJsonSchema")
                .or_else(|| function.get("parameters"));
            Tool::function(
                text(function, "name"),
                schema.cloned().unwrap_or(Value::Null),
            )
        })
        .collect();
    Conversation {
        thinks: true,
        turns,
        tools,
        ..Conversation::default()
    }
}

pub(super) fn whole(answer: &Completion) -> Value {
    let mut parts = thoughts(answer);
    parts.push(json!({"text": answer.text}));
    parts.extend(calls(answer));
    response(answer, &parts, Some("STOP"))
}

pub(super) fn frames(answer: &Completion) -> Vec<Frame> {
    let chunk = |parts: &[Value], finish: Option<&str>| {
        Frame::event(None, &response(answer, parts, finish))
    };
    let mut frames = Vec::new();
    for thought in thoughts(answer) {
        frames.push(chunk(&[thought], None));
    }
    for piece in answer.pieces() {
        frames.push(chunk(&[json!({"text": piece})], None).of_text());
    }
    let mut last = calls(answer);
    if last.is_empty() {
        last.push(json!({"text": ""}));
    }
    frames.push(chunk(&last, Some("STOP")));
    frames
}

fn thoughts(answer: &Completion) -> Vec<Value> {
    if answer.think.is_empty() {
        return Vec::new();
    }
    // A thought starts with a subject, which Gemini CLI strips.
    let thought = format!("**Thinking** {}", answer.think);
    vec![json!({"text": thought, "thought": true})]
}

fn calls(answer: &Completion) -> Vec<Value> {
    answer
        .calls
        .iter()
        .map(|call| json!({"functionCall": {"name": call.name, "args": call.arguments()}}))
        .collect()
}

fn response(answer: &Completion, parts: &[Value], finish: Option<&str>) -> Value {
    let usage = answer.usage;
    let mut candidate = json!({"content": {"role": "model", "parts": parts}, "index": 0});
    if let Some(finish) = finish {
        candidate["finishReason"] = json!(finish);
    }
    json!({
        "candidates": [candidate], "modelVersion": answer.model, "responseId": "fake",
        "usageMetadata": {
            "promptTokenCount": usage.input, "candidatesTokenCount": usage.output,
            "cachedContentTokenCount": usage.cached, "thoughtsTokenCount": usage.reasoning,
            "totalTokenCount": usage.input + usage.output,
        },
    })
}

/// Encodes an error: Google's have a textual status, and no 529.
pub(super) fn error(status: u16, message: &str) -> (u16, Value) {
    let (status, words) = match status {
        401 => (401, "UNAUTHENTICATED"),
        429 => (429, "RESOURCE_EXHAUSTED"),
        529 => (503, "UNAVAILABLE"),
        other => (other, "INVALID_ARGUMENT"),
    };
    let error = json!({"code": status, "message": message, "status": words});
    (status, json!({"error": error}))
}
