//! JSON-RPC 2.0 as used by ACP: one message per line, no batches.

use serde_json::{Value, json};

/// The error for a message that is not valid JSON (JSON-RPC 2.0, section 5.1).
const PARSE_ERROR: i64 = -32700;

/// The error for a request with an unsupported method (JSON-RPC 2.0, section 5.1).
const METHOD_NOT_FOUND: i64 = -32601;

/// A message from the agent.
#[derive(Debug, PartialEq)]
pub(super) enum Incoming {
    /// A request, which expects an answer.
    Request {
        /// The id for the answer: a number or a text.
        id: Value,
        method: String,
        params: Value,
    },
    /// A notification.
    Notification { method: String, params: Value },
    /// An answer.
    Response {
        id: Value,
        outcome: Result<Value, RpcError>,
    },
}

/// An error answer.
#[derive(Debug, PartialEq)]
pub(super) struct RpcError {
    pub(super) code: i64,
    pub(super) message: String,
    pub(super) data: Value,
}

/// Returns true if `value` has the members of a message.
pub(super) fn is_message(value: &Value) -> bool {
    let Value::Object(message) = value else {
        return false;
    };
    let has = |name: &str| message.contains_key(name);
    // Other JSON on the output, such as a line of a log, may have a member `error` as well.
    has("method") || has("id") || has("jsonrpc") && (has("result") || has("error"))
}

/// Reads a message; `None` if its members are not those of one.
pub(super) fn read(value: Value) -> Option<Incoming> {
    let Value::Object(mut message) = value else {
        return None;
    };
    let id = message.remove("id");
    let params = match message.remove("params") {
        // Positional parameters; ACP has only one.
        Some(Value::Array(mut params)) if params.len() == 1 => params.remove(0),
        params => params.unwrap_or(Value::Null),
    };
    match (message.remove("method"), id) {
        (Some(Value::String(method)), None) => Some(Incoming::Notification { method, params }),
        (Some(Value::String(method)), Some(id)) => Some(Incoming::Request { id, method, params }),
        (Some(_), _) => None,
        (None, id) => {
            let error = message.remove("error").filter(|error| !error.is_null());
            let outcome = match (message.remove("result"), error) {
                (_, Some(error)) => Err(read_error(error)),
                (Some(result), None) => Ok(result),
                (None, None) => Err(RpcError::in_words(
                    "the agent answered with neither a result nor an error",
                )),
            };
            let id = id.unwrap_or(Value::Null);
            Some(Incoming::Response { id, outcome })
        }
    }
}

fn read_error(error: Value) -> RpcError {
    match error {
        Value::Object(mut error) => RpcError {
            code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
            message: match error.remove("message") {
                Some(Value::String(message)) => message,
                None | Some(Value::Null) => String::new(),
                Some(other) => other.to_string(),
            },
            data: error.remove("data").unwrap_or(Value::Null),
        },
        Value::String(message) => RpcError::in_words(message),
        other => RpcError::in_words(other.to_string()),
    }
}

impl RpcError {
    /// Creates an error without a code.
    pub(super) fn in_words(message: impl Into<String>) -> Self {
        Self {
            code: 0,
            message: message.into(),
            data: Value::Null,
        }
    }
}

/// The outgoing direction: numbers requests and writes messages.
#[derive(Debug, Default)]
pub(super) struct Outgoing {
    requests: u64,
}

impl Outgoing {
    /// Writes a request, and returns the id of its answer.
    pub(super) fn request(
        &mut self,
        method: &str,
        params: &Value,
        to_agent: &mut Vec<u8>,
    ) -> RpcId {
        self.requests += 1;
        let id = RpcId(self.requests);
        write(
            &json!({"jsonrpc": "2.0", "id": id.0, "method": method, "params": params}),
            to_agent,
        );
        id
    }
}

/// The id of an outgoing request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RpcId(u64);

impl RpcId {
    /// Returns true if an answer with `id` belongs to this request. Some agents return the id as a
    /// text or a float, and none at all if they could not read the request.
    #[expect(clippy::cast_precision_loss, reason = "requests are numbered from 1")]
    pub(super) fn is(self, id: &Value) -> bool {
        let number = match id {
            Value::Null => return true,
            Value::String(id) => id.trim().parse().ok(),
            id => id.as_f64(),
        };
        number == Some(self.0 as f64)
    }
}

/// Writes a notification.
pub(super) fn notify(method: &str, params: &Value, to_agent: &mut Vec<u8>) {
    write(
        &json!({"jsonrpc": "2.0", "method": method, "params": params}),
        to_agent,
    );
}

/// Answers the request `id`.
pub(super) fn answer(id: &Value, result: &Value, to_agent: &mut Vec<u8>) {
    write(
        &json!({"jsonrpc": "2.0", "id": id, "result": result}),
        to_agent,
    );
}

/// Answers the request `id` with the error that `method` is not supported.
pub(super) fn refuse(id: &Value, method: &str, to_agent: &mut Vec<u8>) {
    let message = format!("`{method}` is not supported");
    fail(id, METHOD_NOT_FOUND, &message, to_agent);
}

/// Answers the request `id`, which could not be read.
pub(super) fn refuse_unreadable(id: &Value, to_agent: &mut Vec<u8>) {
    fail(id, PARSE_ERROR, "the request could not be read", to_agent);
}

fn fail(id: &Value, code: i64, message: &str, to_agent: &mut Vec<u8>) {
    let error = json!({"code": code, "message": message});
    write(
        &json!({"jsonrpc": "2.0", "id": id, "error": error}),
        to_agent,
    );
}

fn write(message: &Value, to_agent: &mut Vec<u8>) {
    // JSON text has no line breaks: those in strings are escaped.
    to_agent.extend_from_slice(message.to_string().as_bytes());
    to_agent.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_are_classified() {
        let read = |text: &str| {
            let value = serde_json::from_str(text).unwrap();
            is_message(&value).then(|| read(value)).flatten()
        };
        assert!(matches!(
            read(r#"{"jsonrpc":"2.0","method":"m"}"#),
            Some(Incoming::Notification { .. })
        ));
        assert!(matches!(
            read(r#"{"id":"a","method":"m","params":{}}"#),
            Some(Incoming::Request { .. })
        ));
        assert_eq!(
            read(r#"{"id":1,"result":null}"#),
            Some(Incoming::Response {
                id: json!(1),
                outcome: Ok(Value::Null)
            })
        );
        for (text, code, message) in [
            (r#"{"id":1,"error":{"code":-3,"message":"no"}}"#, -3, "no"),
            (r#"{"id":1,"error":"rate limited"}"#, 0, "rate limited"),
            (r#"{"id":1,"error":["a"],"result":null}"#, 0, r#"["a"]"#),
            (r#"{"id":1,"error":{"message":7}}"#, 0, "7"),
            (
                r#"{"jsonrpc":"2.0","id":1}"#,
                0,
                "the agent answered with neither a result nor an error",
            ),
        ] {
            let Some(Incoming::Response {
                outcome: Err(error),
                ..
            }) = read(text)
            else {
                panic!("it is an error: {text}");
            };
            assert_eq!((error.code, error.message.as_str()), (code, message));
        }
        for junk in [
            "null",
            "[]",
            "{}",
            r#"{"method":7}"#,
            r#"{"level":"warn","error":"disk"}"#,
        ] {
            assert_eq!(read(junk), None, "{junk}");
        }
    }

    #[test]
    fn an_answer_is_recognized_however_its_id_is_written() {
        let request = RpcId(3);
        for (id, expected) in [
            (json!(3), true),
            (json!(3.0), true),
            (json!("3"), true),
            (json!(null), true),
            (json!(4), false),
            (json!("x"), false),
            (json!({"id": 3}), false),
            (json!(true), false),
        ] {
            assert_eq!(request.is(&id), expected, "{id}");
        }
    }

    proptest! {
        #[test]
        fn written_messages_are_single_lines_that_round_trip(
            text in any::<String>(),
            number in any::<u64>(),
        ) {
            let mut outgoing = Outgoing::default();
            let mut written = Vec::new();
            let params = json!({"text": text, "number": number});
            let request = outgoing.request("m", &params, &mut written);
            prop_assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1);
            prop_assert_eq!(written.pop(), Some(b'\n'));
            let Some(Incoming::Request { id, params: read, .. }) =
                read(serde_json::from_slice(&written).unwrap())
            else {
                panic!("it is a request");
            };
            prop_assert!(request.is(&id));
            prop_assert_eq!(read, params);
        }
    }
}
