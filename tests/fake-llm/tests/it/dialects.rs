//! Answers of each dialect, assembled as an agent assembles them.

use fake_llm::{Dialect, FakeLlm};
use serde_json::{Value, json};

use crate::client::{DIALECTS, UserTurn, ask, path, post, request};

/// An assembled answer.
#[derive(Debug, Default, PartialEq)]
struct Understood {
    thought: String,
    text: String,
    /// Names and arguments.
    calls: Vec<(String, Value)>,
    /// Tokens read and written.
    usage: (u64, u64),
    finish: String,
}

fn arguments(text: &Value) -> Value {
    serde_json::from_str(text.as_str().unwrap()).unwrap()
}

fn number(value: &Value) -> u64 {
    value
        .as_u64()
        .unwrap_or_else(|| panic!("{value} is no number"))
}

fn text(value: &Value) -> &str {
    value
        .as_str()
        .unwrap_or_else(|| panic!("{value} is no text"))
}

fn responses(whole: &Value) -> Understood {
    let mut understood = Understood {
        usage: (
            number(&whole["usage"]["input_tokens"]),
            number(&whole["usage"]["output_tokens"]),
        ),
        finish: text(&whole["status"]).to_owned(),
        ..Understood::default()
    };
    for item in whole["output"].as_array().unwrap() {
        match text(&item["type"]) {
            "reasoning" => understood.thought += text(&item["summary"][0]["text"]),
            "message" => understood.text += text(&item["content"][0]["text"]),
            _ => understood.calls.push((
                text(&item["name"]).to_owned(),
                arguments(&item["arguments"]),
            )),
        }
    }
    understood
}

/// Asserts that the deltas of a stream add up to its last event.
fn responses_streamed(events: &[Value]) -> Understood {
    let last = events.last().unwrap();
    assert_eq!(last["type"], "response.completed");
    let understood = responses(&last["response"]);
    let joined = |kind: &str| -> String {
        events
            .iter()
            .filter(|event| event["type"] == kind)
            .map(|event| text(&event["delta"]))
            .collect()
    };
    assert_eq!(joined("response.output_text.delta"), understood.text);
    assert_eq!(
        joined("response.reasoning_summary_text.delta"),
        understood.thought
    );
    for (at, event) in events.iter().enumerate() {
        assert_eq!(event["sequence_number"], at + 1);
    }
    let ended: Vec<&Value> = events
        .iter()
        .filter(|event| event["type"] == "response.output_item.done")
        .map(|event| &event["item"])
        .collect();
    assert_eq!(json!(ended), last["response"]["output"]);
    understood
}

fn chat(whole: &Value) -> Understood {
    let choice = &whole["choices"][0];
    let calls = choice["message"]["tool_calls"].as_array();
    Understood {
        thought: String::new(),
        text: text(&choice["message"]["content"]).to_owned(),
        calls: calls
            .into_iter()
            .flatten()
            .map(|call| {
                let function = &call["function"];
                let name = text(&function["name"]).to_owned();
                (name, arguments(&function["arguments"]))
            })
            .collect(),
        usage: (
            number(&whole["usage"]["prompt_tokens"]),
            number(&whole["usage"]["completion_tokens"]),
        ),
        finish: text(&choice["finish_reason"]).to_owned(),
    }
}

fn chat_streamed(events: &[Value]) -> Understood {
    let (done, chunks) = events.split_last().unwrap();
    assert_eq!(done, "[DONE]");
    let (used, chunks) = chunks.split_last().unwrap();
    let mut understood = Understood {
        usage: (
            number(&used["usage"]["prompt_tokens"]),
            number(&used["usage"]["completion_tokens"]),
        ),
        ..Understood::default()
    };
    let mut calls: Vec<(String, String)> = Vec::new();
    for chunk in chunks {
        let choice = &chunk["choices"][0];
        let delta = &choice["delta"];
        understood.text += delta["content"].as_str().unwrap_or_default();
        understood.thought += delta["reasoning_content"].as_str().unwrap_or_default();
        for call in delta["tool_calls"].as_array().into_iter().flatten() {
            let at = usize::try_from(number(&call["index"])).unwrap();
            if at == calls.len() {
                calls.push((text(&call["function"]["name"]).to_owned(), String::new()));
            }
            calls[at].1 += text(&call["function"]["arguments"]);
        }
        if let Some(finish) = choice["finish_reason"].as_str() {
            finish.clone_into(&mut understood.finish);
        }
    }
    understood.calls = calls
        .into_iter()
        .map(|(name, text)| (name, serde_json::from_str(&text).unwrap()))
        .collect();
    understood
}

fn messages(whole: &Value) -> Understood {
    let mut understood = Understood {
        usage: (
            number(&whole["usage"]["input_tokens"]),
            number(&whole["usage"]["output_tokens"]),
        ),
        finish: text(&whole["stop_reason"]).to_owned(),
        ..Understood::default()
    };
    for block in whole["content"].as_array().unwrap() {
        match text(&block["type"]) {
            "thinking" => understood.thought += text(&block["thinking"]),
            "text" => understood.text += text(&block["text"]),
            _ => understood
                .calls
                .push((text(&block["name"]).to_owned(), block["input"].clone())),
        }
    }
    understood
}

fn messages_streamed(events: &[Value]) -> Understood {
    let mut whole = events[0]["message"].clone();
    let mut blocks: Vec<(Value, String)> = Vec::new();
    for event in events {
        match text(&event["type"]) {
            "content_block_start" => {
                assert_eq!(event["index"], blocks.len());
                blocks.push((event["content_block"].clone(), String::new()));
            }
            "content_block_delta" => {
                let delta = &event["delta"];
                let field = ["text", "thinking", "partial_json", "signature"]
                    .into_iter()
                    .find(|field| delta.get(field).is_some());
                if field != Some("signature") {
                    blocks.last_mut().unwrap().1 += text(&delta[field.unwrap()]);
                }
            }
            "message_delta" => {
                whole["stop_reason"] = event["delta"]["stop_reason"].clone();
                whole["usage"] = event["usage"].clone();
            }
            _ => {}
        }
    }
    assert_eq!(events.last().unwrap()["type"], "message_stop");
    let blocks = blocks.into_iter().map(|(mut block, filled)| {
        let field = match text(&block["type"]) {
            "tool_use" => "input",
            "thinking" => "thinking",
            _ => "text",
        };
        block[field] = match field {
            "input" => serde_json::from_str(&filled).unwrap(),
            _ => json!(filled),
        };
        block
    });
    whole["content"] = blocks.collect();
    messages(&whole)
}

fn gemini(chunks: &[Value]) -> Understood {
    let last = chunks.last().unwrap();
    let mut understood = Understood {
        usage: (
            number(&last["usageMetadata"]["promptTokenCount"]),
            number(&last["usageMetadata"]["candidatesTokenCount"]),
        ),
        finish: text(&last["candidates"][0]["finishReason"]).to_owned(),
        ..Understood::default()
    };
    let parts = chunks
        .iter()
        .flat_map(|chunk| chunk["candidates"][0]["content"]["parts"].as_array())
        .flatten();
    for part in parts {
        if let Some(call) = part.get("functionCall") {
            understood
                .calls
                .push((text(&call["name"]).to_owned(), call["args"].clone()));
        } else if part["thought"] == true {
            understood.thought += text(&part["text"]);
        } else {
            understood.text += text(&part["text"]);
        }
    }
    understood
}

async fn understood(llm: &FakeLlm, dialect: Dialect, prompt: &str, streamed: bool) -> Understood {
    let reply = ask(llm, dialect, prompt, streamed).await;
    assert_eq!(reply.status, 200, "{}", reply.text);
    assert!(reply.in_order);
    match (dialect, streamed) {
        (Dialect::Responses, true) => responses_streamed(&reply.events()),
        (Dialect::Responses, false) => responses(&reply.json()),
        (Dialect::Chat, true) => chat_streamed(&reply.events()),
        (Dialect::Chat, false) => chat(&reply.json()),
        (Dialect::Messages, true) => messages_streamed(&reply.events()),
        (Dialect::Messages, false) => messages(&reply.json()),
        (Dialect::Gemini, true) => gemini(&reply.events()),
        (Dialect::Gemini, false) => gemini(&[reply.json()]),
    }
}

/// A step with a thought, a text, two calls and its own usage.
const SCRIPT: &str = r#"[[fake-script:[{
    "think": "so be it", "text": "one two three four five",
    "ops": [{"op": "shell", "command": "ls -l"}, {"op": "write", "path": "a", "content": "b\n"}],
    "usage": {"input": 321, "output": 45}
}]]] [[cwd:/somewhere]]"#;

#[tokio::test]
async fn every_dialect_carries_the_scripted_output() {
    let llm = FakeLlm::start().unwrap();
    for dialect in DIALECTS {
        for streamed in [true, false] {
            let answer = understood(&llm, dialect, SCRIPT, streamed).await;
            let thought = match (dialect, streamed) {
                (Dialect::Gemini, _) => "**Thinking** so be it",
                // It has thoughts in streams only.
                (Dialect::Chat, false) => "",
                _ => "so be it",
            };
            assert_eq!(answer.thought, thought, "{dialect:?} {streamed}");
            assert_eq!(answer.text, "one two three four five");
            assert_eq!(
                answer.calls,
                [
                    ("bash".to_owned(), json!({"command": "ls -l"})),
                    (
                        "write".to_owned(),
                        json!({"path": "/somewhere/a", "content": "b\n"})
                    ),
                ]
            );
            assert_eq!(answer.usage, (321, 45));
            let finish = match dialect {
                Dialect::Responses => "completed",
                Dialect::Chat => "tool_calls",
                Dialect::Messages => "tool_use",
                Dialect::Gemini => "STOP",
            };
            assert_eq!(answer.finish, finish);
        }
    }
}

#[tokio::test]
async fn call_rounds_select_the_step_in_every_dialect() {
    let llm = FakeLlm::start().unwrap();
    for dialect in DIALECTS {
        let said = [
            UserTurn::User("[[fake:hello]]"),
            UserTurn::User("[[fake:edit]] [[cwd:/w]]"),
            UserTurn::Shell,
            UserTurn::Shell,
        ];
        let body = request(dialect, &said, true);
        let reply = post(&llm, path(dialect, true), &body).await;
        let last = llm.records().pop().unwrap();
        assert_eq!((last.script.as_deref(), last.step), (Some("edit"), 2));
        assert!(reply.text.contains("Done:"), "{}", reply.text);
    }
}

#[tokio::test]
async fn models_and_tokens_are_reported() {
    let llm = FakeLlm::start().unwrap();
    let get =
        async |path: &str| crate::client::send(&llm, "GET", path, &Value::Null, |_| false).await;
    assert_eq!(
        get("/v1/models").await.json()["data"][0]["id"],
        "fake-model"
    );
    assert_eq!(
        get("/v1beta/models").await.json()["models"][0]["displayName"],
        "fake-model"
    );
    let body = json!({"messages": []});
    let count = post(&llm, "/v1/messages/count_tokens", &body).await;
    assert_eq!(count.json()["input_tokens"], 3);
    let count = post(&llm, "/v1beta/models/a-model:countTokens", &body).await;
    assert_eq!(count.json()["totalTokens"], 3);
}

#[tokio::test]
async fn codex_gets_patches_as_text_and_namespaces() {
    let llm = FakeLlm::start().unwrap();
    let body = json!({
        "model": "a-model", "stream": true,
        "input": [{"role": "user", "content": "[[fake:edit]]"}],
        "tools": [{"type": "namespace", "name": "files", "tools": [
            {"type": "custom", "name": "apply_patch"},
        ]}],
    });
    let reply = post(&llm, "/v1/responses", &body).await;
    let events = reply.events();
    let item = &events.last().unwrap()["response"]["output"][2];
    assert_eq!(item["type"], "custom_tool_call");
    assert_eq!(item["namespace"], "files");
    assert!(text(&item["input"]).starts_with("*** Begin Patch\n*** Add File: greeting.txt\n"));
    let delta = events
        .iter()
        .find(|event| event["type"] == "response.custom_tool_call_input.delta");
    assert_eq!(delta.unwrap()["delta"], item["input"]);
}
