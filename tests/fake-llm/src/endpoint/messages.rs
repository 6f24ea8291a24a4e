//! Anthropic's Messages: blocks, each with a start, deltas and a stop.

use serde_json::{Value, json};

use super::ids::Ids;
use crate::conversation::{Conversation, Tool, Turn, list, text};
use crate::stream::{Completion, Frame};

pub(super) fn read(body: &Value) -> Conversation {
    let mut turns = Vec::new();
    for message in list(body, "messages") {
        let plain = message["content"].as_str();
        let blocks = list(message, "content");
        let has = |kind: &str| blocks.iter().any(|block| block["type"] == kind);
        if message["role"] == "assistant" {
            turns.push(Turn::Assistant);
            if has("tool_use") {
                turns.push(Turn::Call);
            }
            continue;
        }
        if has("tool_result") {
            turns.push(Turn::Result);
        }
        let texts = blocks
            .iter()
            .filter(|block| block["type"] == "text")
            .filter_map(|block| block["text"].as_str());
        let said = plain
            .into_iter()
            .chain(texts)
            .collect::<Vec<_>>()
            .join("\n");
        if !said.is_empty() {
            turns.push(Turn::User(said));
        }
    }
    let tools = list(body, "tools")
        .iter()
        .map(|tool| Tool::function(text(tool, "name"), tool["input_schema"].clone()))
        .filter(|tool| !tool.name.is_empty())
        .collect();
    let thinking = body["thinking"]["type"].as_str();
    Conversation {
        model: text(body, "model"),
        streamed: body["stream"] == true,
        thinks: matches!(thinking, Some("enabled" | "adaptive")),
        turns,
        tools,
    }
}

pub(super) fn whole(answer: &Completion, ids: &Ids) -> Value {
    let blocks = blocks(answer, ids);
    let mut message = message(answer, ids, &blocks);
    message["stop_reason"] = json!(stop_reason(answer));
    message["usage"] = usage(answer, answer.usage.output);
    message
}

pub(super) fn frames(answer: &Completion, ids: &Ids) -> Vec<Frame> {
    let event = |name: &str, mut fields: Value| {
        fields["type"] = json!(name);
        Frame::event(Some(name), &fields)
    };
    let message = message(answer, ids, &[]);
    let mut frames = vec![
        event("message_start", json!({"message": message})),
        event("ping", json!({})),
    ];
    for (index, block) in blocks(answer, ids).into_iter().enumerate() {
        let delta = |delta: Value| {
            event(
                "content_block_delta",
                json!({"index": index, "delta": delta}),
            )
        };
        let start = |block: Value| {
            event(
                "content_block_start",
                json!({"index": index, "content_block": block}),
            )
        };
        match block["type"].as_str() {
            Some("thinking") => {
                frames.push(start(
                    json!({"type": "thinking", "thinking": "", "signature": ""}),
                ));
                let (thinking, signature) = (&block["thinking"], &block["signature"]);
                frames.push(delta(
                    json!({"type": "thinking_delta", "thinking": thinking}),
                ));
                frames.push(delta(
                    json!({"type": "signature_delta", "signature": signature}),
                ));
            }
            Some("text") => {
                frames.push(start(json!({"type": "text", "text": ""})));
                for piece in answer.pieces() {
                    frames.push(delta(json!({"type": "text_delta", "text": piece})).of_text());
                }
            }
            _ => {
                let input = block["input"].to_string();
                let mut begun = block;
                begun["input"] = json!({});
                frames.push(start(begun));
                frames.push(delta(
                    json!({"type": "input_json_delta", "partial_json": input}),
                ));
            }
        }
        frames.push(event("content_block_stop", json!({"index": index})));
    }
    let delta = json!({"stop_reason": stop_reason(answer), "stop_sequence": null});
    let usage = usage(answer, answer.usage.output);
    frames.push(event(
        "message_delta",
        json!({"delta": delta, "usage": usage}),
    ));
    frames.push(event("message_stop", json!({})));
    frames
}

fn message(answer: &Completion, ids: &Ids, blocks: &[Value]) -> Value {
    json!({
        "id": ids.next("msg_"), "type": "message", "role": "assistant", "model": answer.model,
        "content": blocks, "stop_reason": null, "stop_sequence": null, "usage": usage(answer, 1),
    })
}

fn blocks(answer: &Completion, ids: &Ids) -> Vec<Value> {
    let mut blocks = Vec::new();
    if !answer.think.is_empty() {
        blocks.push(json!({"type": "thinking", "thinking": answer.think, "signature": "ZmFrZQ=="}));
    }
    if !answer.text.is_empty() {
        blocks.push(json!({"type": "text", "text": answer.text}));
    }
    blocks.extend(answer.calls.iter().map(|call| {
        let id = answer.next_call_id(ids, "toolu_");
        json!({"type": "tool_use", "id": id, "name": call.name, "input": call.arguments()})
    }));
    blocks
}

const fn stop_reason(answer: &Completion) -> &'static str {
    if answer.calls.is_empty() {
        "end_turn"
    } else {
        "tool_use"
    }
}

/// Encodes the usage. The input excludes cached tokens in this dialect.
fn usage(answer: &Completion, output: u64) -> Value {
    json!({
        "input_tokens": answer.usage.input, "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": answer.usage.cached, "output_tokens": output,
    })
}
