//! OpenAI's Responses: items, each with its own events.

use serde_json::{Value, json};

use super::ids::{CREATED, Ids};
use crate::conversation::{Conversation, Tool, Turn, list, text, text_of};
use crate::operation::{Input, ScriptedCall};
use crate::stream::{Completion, Frame};

pub(super) fn read(body: &Value) -> Conversation {
    let mut turns = Vec::new();
    if let Some(prompt) = body["input"].as_str() {
        turns.push(Turn::User(prompt.to_owned()));
    }
    for item in list(body, "input") {
        let kind = item["type"].as_str().unwrap_or("message");
        if kind == "message" {
            match item["role"].as_str() {
                Some("user") => turns.push(Turn::User(text_of(&item["content"]))),
                Some("assistant") => turns.push(Turn::Assistant),
                _ => {}
            }
        } else if kind.ends_with("_call_output") {
            turns.push(Turn::Result);
        } else if kind.ends_with("_call") {
            turns.push(Turn::Call);
        }
    }
    let mut tools = Vec::new();
    for tool in list(body, "tools") {
        read_tool(tool, None, &mut tools);
    }
    Conversation {
        model: text(body, "model"),
        streamed: body["stream"] == true,
        thinks: true,
        turns,
        tools,
    }
}

/// Parses a tool, or the tools of a namespace.
fn read_tool(tool: &Value, namespace: Option<&str>, tools: &mut Vec<Tool>) {
    let kind = tool["type"].as_str().unwrap_or_default();
    let name = tool["name"].as_str().unwrap_or(kind);
    match kind {
        "namespace" => {
            for inner in list(tool, "tools") {
                read_tool(inner, Some(name), tools);
            }
        }
        "function" | "custom" | "local_shell" | "shell" | "apply_patch" => tools.push(Tool {
            takes_text: kind == "custom",
            namespace: namespace.map(str::to_owned),
            ..Tool::function(name, tool["parameters"].clone())
        }),
        _ => {}
    }
}

pub(super) fn whole(answer: &Completion, ids: &Ids) -> Value {
    let output = items(answer, ids);
    response(answer, &ids.next("resp_"), "completed", &output)
}

pub(super) fn frames(answer: &Completion, ids: &Ids) -> Vec<Frame> {
    let id = ids.next("resp_");
    let mut events = Events::default();
    let begun = response(answer, &id, "in_progress", &[]);
    events.add("response.created", json!({"response": begun}));
    events.add("response.in_progress", json!({"response": begun}));
    let items = items(answer, ids);
    for (index, item) in items.iter().enumerate() {
        let mut shell = item.clone();
        for (field, empty) in [
            ("summary", json!([])),
            ("content", json!([])),
            ("arguments", json!("")),
            ("input", json!("")),
        ] {
            if shell.get(field).is_some() {
                shell[field] = empty;
            }
        }
        if shell.get("status").is_some() {
            shell["status"] = json!("in_progress");
        }
        events.add(
            "response.output_item.added",
            json!({"output_index": index, "item": shell}),
        );
        add_content(&mut events, answer, item, index);
        events.add(
            "response.output_item.done",
            json!({"output_index": index, "item": item}),
        );
    }
    let done = response(answer, &id, "completed", &items);
    events.add("response.completed", json!({"response": done}));
    events.frames
}

/// Encodes the content of an item, first in deltas and then whole.
fn add_content(events: &mut Events, answer: &Completion, item: &Value, index: usize) {
    let of_item = |mut fields: Value| {
        fields["item_id"] = item["id"].clone();
        fields["output_index"] = json!(index);
        fields
    };
    match item["type"].as_str() {
        Some("reasoning") => {
            let part = json!({"type": "summary_text", "text": ""});
            for (event, field, value) in [
                ("response.reasoning_summary_part.added", "part", part),
                (
                    "response.reasoning_summary_text.delta",
                    "delta",
                    json!(answer.think),
                ),
                (
                    "response.reasoning_summary_text.done",
                    "text",
                    json!(answer.think),
                ),
            ] {
                let mut fields = json!({"summary_index": 0});
                fields[field] = value;
                events.add(event, of_item(fields));
            }
        }
        Some("message") => {
            let part = json!({"type": "output_text", "text": "", "annotations": []});
            let of_text = |field: &str, value: Value| {
                let mut fields = json!({"content_index": 0});
                fields[field] = value;
                of_item(fields)
            };
            events.add("response.content_part.added", of_text("part", part));
            for piece in answer.pieces() {
                events.add_text("response.output_text.delta", of_text("delta", json!(piece)));
            }
            events.add(
                "response.output_text.done",
                of_text("text", json!(answer.text)),
            );
            events.add(
                "response.content_part.done",
                of_text("part", item["content"][0].clone()),
            );
        }
        Some("custom_tool_call") => {
            let input = &item["input"];
            events.add(
                "response.custom_tool_call_input.delta",
                of_item(json!({"delta": input})),
            );
            events.add(
                "response.custom_tool_call_input.done",
                of_item(json!({"input": input})),
            );
        }
        _ => {
            let arguments = &item["arguments"];
            events.add(
                "response.function_call_arguments.delta",
                of_item(json!({"delta": arguments})),
            );
            events.add(
                "response.function_call_arguments.done",
                of_item(json!({"arguments": arguments})),
            );
        }
    }
}

/// Returns the items of the answer, each complete.
fn items(answer: &Completion, ids: &Ids) -> Vec<Value> {
    let mut items = Vec::new();
    if !answer.think.is_empty() {
        items.push(json!({
            "id": ids.next("rs_"), "type": "reasoning",
            "summary": [{"type": "summary_text", "text": answer.think}],
        }));
    }
    if !answer.text.is_empty() {
        items.push(json!({
            "id": ids.next("msg_"), "type": "message", "role": "assistant", "status": "completed",
            "content": [{"type": "output_text", "text": answer.text, "annotations": []}],
        }));
    }
    items.extend(answer.calls.iter().map(|call| item_of(answer, call, ids)));
    items
}

fn item_of(answer: &Completion, call: &ScriptedCall, ids: &Ids) -> Value {
    let call_id = answer.next_call_id(ids, "call_");
    let mut item = match &call.input {
        Input::Text(text) => json!({
            "id": ids.next("ctc_"), "type": "custom_tool_call", "call_id": call_id,
            "name": call.name, "input": text, "status": "completed",
        }),
        Input::Arguments(arguments) => json!({
            "id": ids.next("fc_"), "type": "function_call", "call_id": call_id,
            "name": call.name, "arguments": json!(arguments).to_string(), "status": "completed",
        }),
    };
    if let Some(namespace) = &call.namespace {
        item["namespace"] = json!(namespace);
    }
    item
}

fn response(answer: &Completion, id: &str, status: &str, output: &[Value]) -> Value {
    let usage = answer.usage;
    let used = json!({
        "input_tokens": usage.input,
        "input_tokens_details": {"cached_tokens": usage.cached},
        "output_tokens": usage.output,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning},
        "total_tokens": usage.input + usage.output,
    });
    json!({
        "id": id, "object": "response", "created_at": CREATED, "status": status,
        "model": answer.model, "output": output, "parallel_tool_calls": true, "tools": [],
        "tool_choice": "auto", "error": null, "incomplete_details": null, "instructions": null,
        "metadata": {}, "usage": if status == "completed" { used } else { Value::Null },
    })
}

/// Numbers the events of a stream.
#[derive(Default)]
struct Events {
    frames: Vec<Frame>,
}

impl Events {
    fn add(&mut self, name: &str, fields: Value) {
        let frame = self.frame(name, fields);
        self.frames.push(frame);
    }

    fn add_text(&mut self, name: &str, fields: Value) {
        let frame = self.frame(name, fields).of_text();
        self.frames.push(frame);
    }

    fn frame(&self, name: &str, mut fields: Value) -> Frame {
        fields["type"] = json!(name);
        fields["sequence_number"] = json!(self.frames.len() + 1);
        Frame::event(Some(name), &fields)
    }
}
