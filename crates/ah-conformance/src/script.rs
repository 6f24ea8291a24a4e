//! Scenario timelines for the agents of cases. They contain no delays: an agent continues when it
//! is answered or prompted.

use serde_json::{Value, json};

/// A thought of the agent.
pub(crate) fn think(text: &str) -> Value {
    json!({"think": [[0, text]]})
}

/// A message of the agent.
pub(crate) fn say(text: &str) -> Value {
    json!({"assistant": [[0, text]]})
}

/// A message of the agent, in pieces.
pub(crate) fn say_in_pieces(pieces: &[&str]) -> Value {
    let pieces: Vec<Value> = pieces.iter().map(|piece| json!([0, piece])).collect();
    json!({"assistant": pieces})
}

/// A message of the agent with this content block.
pub(crate) fn show(block: &Value) -> Value {
    json!({"assistant": [[0, block]]})
}

/// A log line of the agent.
pub(crate) fn log(level: &str, message: &str) -> Value {
    json!({"log": {"level": level, "message": message}})
}

/// A file edit.
pub(crate) fn edit(path: &str, added: u64, removed: u64) -> Value {
    json!({"agentEdits": {"path": path, "linesAdded": added, "linesRemoved": removed}})
}

/// A permission request for a command, with the options `allow` and `deny`.
pub(crate) fn ask() -> Value {
    ask_to_use("deploy")
}

/// A permission request for the tool call `id`, with the options `allow` and `deny`.
pub(crate) fn ask_to_use(id: &str) -> Value {
    json!({"agentPermissionRequest": {
        "toolCall": {"toolCallId": id, "title": "Deploy", "kind": "execute"},
        "options": [
            {"id": "allow", "label": "Yes", "kind": "allow_once"},
            {"id": "deny", "label": "No", "kind": "reject_once"},
        ],
    }})
}

/// A thought `granted` or `denied`, depending on the answer.
pub(crate) fn tell_answer() -> Value {
    json!({"agentActions": [
        {"ifGranted": [think("granted")]},
        {"ifDenied": [think("denied")]},
    ]})
}

/// The end of a turn. The following entries are played in the next turn.
pub(crate) fn next_turn() -> Value {
    json!({"userInputs": [{"input": "go on"}]})
}

/// A hang of the agent.
pub(crate) fn hang() -> Value {
    json!({"hang": null})
}

/// An exit of the agent.
pub(crate) fn exit(code: u8) -> Value {
    json!({"exit": code})
}

/// A crash of the agent.
pub(crate) fn crash() -> Value {
    json!({"crash": null})
}

/// A failure of the turn.
pub(crate) fn fail(reason: &str) -> Value {
    json!({"error": reason})
}

/// The usage of the turn.
pub(crate) fn usage(input: u64, output: u64) -> Value {
    json!({"usage": {"inputTokens": input, "outputTokens": output}})
}
