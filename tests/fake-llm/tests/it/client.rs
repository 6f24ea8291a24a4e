//! Requests in the form of agents, and parsed answers.

use std::time::Duration;

use bytes::Bytes;
use fake_llm::{Dialect, FakeLlm};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use serde_json::{Value, json};

/// The time limit of every wait.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const DIALECTS: [Dialect; 4] = [
    Dialect::Responses,
    Dialect::Chat,
    Dialect::Messages,
    Dialect::Gemini,
];

/// An answer: its status and the received part of its body.
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) text: String,
    /// True if the body was complete by HTTP's rules.
    pub(crate) in_order: bool,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {}", self.text))
    }

    /// Returns the data of the events. Named events repeat their name in the data.
    pub(crate) fn events(&self) -> Vec<Value> {
        assert!(self.text.ends_with("\n\n"), "{}", self.text);
        let mut events = Vec::new();
        for frame in self.text.trim_end().split("\n\n") {
            let (name, data) = match frame.split_once('\n') {
                Some((name, data)) => (name.strip_prefix("event: "), data),
                None => (None, frame),
            };
            let data = data.strip_prefix("data: ").unwrap();
            if data == "[DONE]" {
                events.push(json!("[DONE]"));
                continue;
            }
            let data: Value = serde_json::from_str(data).unwrap();
            assert_eq!(data["type"].as_str(), name, "{frame}");
            events.push(data);
        }
        events
    }
}

/// Sends a request and reads to the end, or until `enough` accepts the received body.
pub(crate) async fn send(
    llm: &FakeLlm,
    method: &str,
    path: &str,
    body: &Value,
    enough: impl Fn(&str) -> bool,
) -> Reply {
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let request = axum::http::Request::builder()
        .method(method)
        .uri(format!("{}{path}", llm.url()))
        .header("content-type", "application/json")
        .body(Full::from(body.to_string()))
        .unwrap();
    let response = client.request(request).await.unwrap();
    let status = response.status().as_u16();
    let mut body = response.into_body();
    let mut bytes = Vec::new();
    let mut in_order = true;
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => bytes.extend_from_slice(&frame.into_data().unwrap()),
            Err(_) => in_order = false,
        }
        if !in_order || enough(&String::from_utf8_lossy(&bytes)) {
            break;
        }
    }
    Reply {
        status,
        text: String::from_utf8(bytes).unwrap(),
        in_order,
    }
}

pub(crate) async fn post(llm: &FakeLlm, path: &str, body: &Value) -> Reply {
    send(llm, "POST", path, body, |_| false).await
}

/// An entry of a conversation, encoded in each dialect.
pub(crate) enum UserTurn<'a> {
    User(&'a str),
    /// A call of the shell by the model, with its output.
    Shell,
}

/// Returns the path of a dialect, for a stream or for a complete answer.
pub(crate) fn path(dialect: Dialect, streamed: bool) -> &'static str {
    match (dialect, streamed) {
        (Dialect::Responses, _) => "/v1/responses",
        (Dialect::Chat, _) => "/v1/chat/completions",
        (Dialect::Messages, _) => "/v1/messages?beta=true",
        (Dialect::Gemini, true) => "/v1beta/models/a-model:streamGenerateContent?alt=sse",
        (Dialect::Gemini, false) => "/v1beta/models/a-model:generateContent",
    }
}

/// Builds a request that offers a shell and a tool to write files.
pub(crate) fn request(dialect: Dialect, said: &[UserTurn<'_>], streamed: bool) -> Value {
    let schema = |properties: Value| json!({"type": "object", "properties": properties});
    let string = json!({"type": "string"});
    let tools = [
        ("bash", schema(json!({"command": string}))),
        ("write", schema(json!({"path": string, "content": string}))),
    ];
    match dialect {
        Dialect::Responses => {
            let tools = tools.map(
                |(name, schema)| json!({"type": "function", "name": name, "parameters": schema}),
            );
            let input: Vec<Value> = said
                .iter()
                .flat_map(|said| match said {
                    UserTurn::User(text) => vec![
                        json!({"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}),
                    ],
                    UserTurn::Shell => vec![
                        json!({"type": "function_call", "name": "bash", "arguments": "{}", "call_id": "c"}),
                        json!({"type": "function_call_output", "call_id": "c", "output": "done"}),
                    ],
                })
                .collect();
            json!({"model": "a-model", "stream": streamed, "input": input, "tools": tools})
        }
        Dialect::Chat => {
            let tools = tools.map(|(name, schema)| {
                json!({"type": "function", "function": {"name": name, "parameters": schema}})
            });
            let messages: Vec<Value> = said
                .iter()
                .flat_map(|said| match said {
                    UserTurn::User(text) => vec![json!({"role": "user", "content": text})],
                    UserTurn::Shell => vec![
                        json!({"role": "assistant", "content": null, "tool_calls": [{"id": "c"}]}),
                        json!({"role": "tool", "tool_call_id": "c", "content": "done"}),
                    ],
                })
                .collect();
            json!({"model": "a-model", "stream": streamed, "messages": messages, "tools": tools})
        }
        Dialect::Messages => {
            let tools = tools.map(|(name, schema)| json!({"name": name, "input_schema": schema}));
            let messages: Vec<Value> = said
                .iter()
                .flat_map(|said| match said {
                    UserTurn::User(text) => vec![
                        json!({"role": "user", "content": [{"type": "text", "text": text}]}),
                    ],
                    UserTurn::Shell => vec![
                        json!({"role": "assistant", "content": [{"type": "tool_use", "id": "c"}]}),
                        json!({"role": "user", "content": [{"type": "tool_result", "tool_use_id": "c"}]}),
                    ],
                })
                .collect();
            json!({
                "model": "a-model", "stream": streamed, "messages": messages, "tools": tools,
                "thinking": {"type": "enabled"},
            })
        }
        Dialect::Gemini => {
            let tools =
                tools.map(|(name, schema)| json!({"name": name, "parametersJsonSchema": schema}));
            let contents: Vec<Value> = said
                .iter()
                .flat_map(|said| match said {
                    UserTurn::User(text) => {
                        vec![json!({"role": "user", "parts": [{"text": text}]})]
                    }
                    UserTurn::Shell => vec![
                        json!({"role": "model", "parts": [{"functionCall": {"name": "bash"}}]}),
                        json!({"role": "user", "parts": [{"functionResponse": {"name": "bash"}}]}),
                    ],
                })
                .collect();
            json!({"contents": contents, "tools": [{"functionDeclarations": tools}]})
        }
    }
}

/// Sends `prompt` in a dialect and reads the answer.
pub(crate) async fn ask(llm: &FakeLlm, dialect: Dialect, prompt: &str, streamed: bool) -> Reply {
    let body = request(dialect, &[UserTurn::User(prompt)], streamed);
    post(llm, path(dialect, streamed), &body).await
}
