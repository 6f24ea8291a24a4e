//! Extracts readable messages from the agent's errors.

use serde_json::Value;

use super::rpc::RpcError;

/// The maximum length of a reported message, in bytes.
const WORDS_BYTES_MAX: usize = 4 * 1024;

/// Returns the message of an error.
///
/// Many agents answer `Internal error` and put the reason into `data`, each under a different name.
/// Some put the body of the model's response, which is JSON, into the message.
pub(super) fn words(error: &RpcError) -> String {
    let message = error.message.trim();
    // A prefix that adapters add.
    let message = message.strip_prefix("Internal error: ").unwrap_or(message);
    let reason = reason_in(&error.data);
    let mut words = match (unwrapped(message), reason) {
        (Some(inner), _) => inner,
        (None, Some(reason)) if message.is_empty() || is_empty_phrase(message) => reason,
        (None, Some(reason)) if !message.contains(&reason) => format!("{message}: {reason}"),
        (None, _) if message.is_empty() => format!("error {}", error.code),
        (None, _) => message.to_owned(),
    };
    ah_lifecycle::turns::leave_out_middle(&mut words, WORDS_BYTES_MAX);
    words
}

/// Returns true if a message only states that an error occurred.
fn is_empty_phrase(message: &str) -> bool {
    // JSON-RPC 2.0, section 5.1.
    matches!(
        message,
        "Internal error" | "Server error" | "Invalid params"
    )
}

fn reason_in(data: &Value) -> Option<String> {
    if let Some(text) = data.as_str() {
        return Some(text.to_owned());
    }
    ["details", "message", "reason"]
        .iter()
        .find_map(|name| data.get(name)?.as_str())
        .filter(|text| !text.is_empty())
        .map(ToOwned::to_owned)
}

/// Returns the message within the JSON body of a model's response.
fn unwrapped(message: &str) -> Option<String> {
    let body: Value = serde_json::from_str(message).ok()?;
    let error = body.get("error").unwrap_or(&body);
    let words = error.get("message")?.as_str()?;
    Some(match error.get("code").and_then(Value::as_i64) {
        Some(code) => format!("{words} (error {code})"),
        None => words.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reason_is_found_at_each_agent_location() {
        for (code, message, data, expected) in [
            (
                -32603,
                "Internal error",
                json!({"details": "401 bad key"}),
                "401 bad key",
            ),
            (-32603, "Internal error", json!("no disk"), "no disk"),
            (-32603, "Internal error", json!(null), "Internal error"),
            (
                -32603,
                "Internal error: bad key",
                json!({"service": "session"}),
                "bad key",
            ),
            (
                -32602,
                "Session lost",
                json!({"reason": "it was deleted"}),
                "Session lost: it was deleted",
            ),
            (
                -32000,
                "Authentication required: bad key",
                json!({"message": "bad key"}),
                "Authentication required: bad key",
            ),
            (
                401,
                r#"{"error":{"code":401,"message":"bad key"}}"#,
                json!(null),
                "bad key (error 401)",
            ),
            (-7, "", json!(null), "error -7"),
        ] {
            let message = message.to_owned();
            assert_eq!(
                words(&RpcError {
                    code,
                    message,
                    data
                }),
                expected
            );
        }
    }

    #[test]
    fn long_errors_are_shortened() {
        let message = "x".repeat(1_000_000);
        let error = RpcError {
            code: 0,
            message,
            data: Value::Null,
        };
        assert!(words(&error).len() <= WORDS_BYTES_MAX);
    }
}
