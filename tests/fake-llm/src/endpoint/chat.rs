//! OpenAI's Chat Completions: one message, streamed in deltas.

use serde_json::{Value, json};

use super::ids::{CREATED, Ids};
use crate::conversation::{Conversation, Tool, Turn, list, text, text_of};
use crate::stream::{Completion, Frame};

pub(super) fn read(body: &Value) -> Conversation {
    let mut turns = Vec::new();
    for message in list(body, "messages") {
        match message["role"].as_str() {
            Some("system" | "developer") => {}
            Some("tool") => turns.push(Turn::Result),
            Some("assistant") => {
                turns.push(Turn::Assistant);
                if !list(message, "tool_calls").is_empty() {
                    turns.push(Turn::Call);
                }
            }
            _ => turns.push(Turn::User(text_of(&message["content"]))),
        }
    }
    let tools = list(body, "tools")
        .iter()
        .filter(|tool| tool["type"] == "function")
        .map(|tool| {
            let function = &tool["function"];
            Tool::function(text(function, "name"), function["parameters"].clone())
        })
        .collect();
    Conversation {
        model: text(body, "model"),
        streamed: body["stream"] == true,
        thinks: true,
        turns,
        tools,
    }
}

pub(super) fn whole(answer: &Completion, ids: &Ids) -> Value {
    let mut message = json!({"role": "assistant", "content": answer.text});
    if !answer.calls.is_empty() {
        message["tool_calls"] = json!(calls(answer, ids));
    }
    let choice = json!({
        "index": 0, "message": message, "finish_reason": finish(answer), "logprobs": null,
    });
    json!({
        "id": ids.next("chatcmpl-"), "object": "chat.completion", "created": CREATED,
        "model": answer.model, "choices": [choice], "usage": usage(answer),
    })
}

pub(super) fn frames(answer: &Completion, ids: &Ids) -> Vec<Frame> {
    let id = ids.next("chatcmpl-");
    let chunk = |choices: Value, usage: Value| {
        let chunk = json!({
            "id": id, "object": "chat.completion.chunk", "created": CREATED,
            "model": answer.model, "choices": choices, "usage": usage,
        });
        Frame::event(None, &chunk)
    };
    let delta = |delta: Value, finish: Option<&str>| {
        let choice = json!({"index": 0, "delta": delta, "finish_reason": finish});
        chunk(json!([choice]), Value::Null)
    };
    let mut frames = vec![delta(json!({"role": "assistant", "content": ""}), None)];
    if !answer.think.is_empty() {
        frames.push(delta(json!({"reasoning_content": answer.think}), None));
    }
    for piece in answer.pieces() {
        frames.push(delta(json!({"content": piece}), None).of_text());
    }
    for (index, mut call) in calls(answer, ids).into_iter().enumerate() {
        call["index"] = json!(index);
        let arguments = call["function"]["arguments"].take();
        call["function"]["arguments"] = json!("");
        frames.push(delta(json!({"tool_calls": [call]}), None));
        let rest = json!({"index": index, "function": {"arguments": arguments}});
        frames.push(delta(json!({"tool_calls": [rest]}), None));
    }
    frames.push(delta(json!({}), Some(finish(answer))));
    frames.push(chunk(json!([]), usage(answer)));
    frames.push(Frame::raw("data: [DONE]\n\n"));
    frames
}

fn calls(answer: &Completion, ids: &Ids) -> Vec<Value> {
    answer
        .calls
        .iter()
        .map(|call| {
            let arguments = json!(call.arguments()).to_string();
            json!({
                "id": answer.next_call_id(ids, "call_"), "type": "function",
                "function": {"name": call.name, "arguments": arguments},
            })
        })
        .collect()
}

const fn finish(answer: &Completion) -> &'static str {
    if answer.calls.is_empty() {
        "stop"
    } else {
        "tool_calls"
    }
}

fn usage(answer: &Completion) -> Value {
    let usage = answer.usage;
    json!({
        "prompt_tokens": usage.input, "completion_tokens": usage.output,
        "total_tokens": usage.input + usage.output,
        "prompt_tokens_details": {"cached_tokens": usage.cached},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning},
    })
}
