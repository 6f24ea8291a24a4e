//! JSON-RPC 2.0 as used by ACP: one message per line, no batches.

use serde_json::{Map, Value, json};

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

/// Parses a line; `None` if it is not a message.
pub(super) fn read(line: &[u8]) -> Option<Incoming> {
    let Ok(Value::Object(mut message)) = serde_json::from_slice(line) else {
        return None;
    };
    let id = message.remove("id");
    let params = message.remove("params").unwrap_or(Value::Null);
    match (message.remove("method"), id) {
        (Some(Value::String(method)), None) => Some(Incoming::Notification { method, params }),
        (Some(Value::String(method)), Some(id)) => Some(Incoming::Request { id, method, params }),
        (None, Some(id)) => {
            let outcome = match (message.remove("result"), message.remove("error")) {
                (_, Some(Value::Object(error))) => Err(read_error(error)),
                (Some(result), _) => Ok(result),
                (None, _) => return None,
            };
            Some(Incoming::Response { id, outcome })
        }
        _ => None,
    }
}

fn read_error(mut error: Map<String, Value>) -> RpcError {
    RpcError {
        code: error.get("code").and_then(Value::as_i64).unwrap_or(0),
        message: match error.remove("message") {
            Some(Value::String(message)) => message,
            _ => String::new(),
        },
        data: error.remove("data").unwrap_or(Value::Null),
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
    ) -> RequestId {
        self.requests += 1;
        let id = RequestId(self.requests);
        write(
            &json!({"jsonrpc": "2.0", "id": id.0, "method": method, "params": params}),
            to_agent,
        );
        id
    }
}

/// The id of an outgoing request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RequestId(u64);

impl RequestId {
    /// Returns true if an answer with `id` belongs to this request.
    pub(super) fn is(self, id: &Value) -> bool {
        id.as_u64() == Some(self.0)
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
    let error = json!({"code": METHOD_NOT_FOUND, "message": message});
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
    fn messages_are_told_apart() {
        let read = |text: &str| read(text.as_bytes());
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
        let Some(Incoming::Response {
            outcome: Err(error),
            ..
        }) = read(r#"{"id":1,"error":{"code":-3,"message":"no"}}"#)
        else {
            panic!("it is an error");
        };
        assert_eq!((error.code, error.message.as_str()), (-3, "no"));
        for junk in [
            "",
            "null",
            "[]",
            "{}",
            "Warning: old",
            r#"{"id":1}"#,
            r#"{"method":7}"#,
        ] {
            assert_eq!(read(junk), None, "{junk}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_harm(line in any::<Vec<u8>>()) {
            read(&line);
        }

        #[test]
        fn what_is_written_is_one_line_that_is_read_as_it_was_meant(
            text in any::<String>(),
            number in any::<u64>(),
        ) {
            let mut outgoing = Outgoing::default();
            let mut written = Vec::new();
            let params = json!({"text": text, "number": number});
            let request = outgoing.request("m", &params, &mut written);
            prop_assert_eq!(written.iter().filter(|byte| **byte == b'\n').count(), 1);
            prop_assert_eq!(written.pop(), Some(b'\n'));
            let Some(Incoming::Request { id, params: read, .. }) = read(&written) else {
                panic!("it is a request");
            };
            prop_assert!(request.is(&id));
            prop_assert_eq!(read, params);
        }
    }
}
