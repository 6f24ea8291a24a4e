//! What a case's agent plays, as entries of a scenario's timeline. Time passes nowhere in them: an
//! agent goes on when it is answered or prompted.

use serde_json::{Value, json};

/// The agent thinks this.
pub(crate) fn think(text: &str) -> Value {
    json!({"think": [[0, text]]})
}

/// The agent says this.
pub(crate) fn say(text: &str) -> Value {
    json!({"assistant": [[0, text]]})
}

/// The agent says this in pieces.
pub(crate) fn say_in_pieces(pieces: &[&str]) -> Value {
    let pieces: Vec<Value> = pieces.iter().map(|piece| json!([0, piece])).collect();
    json!({"assistant": pieces})
}

/// The agent writes a line of its log.
pub(crate) fn log(level: &str, message: &str) -> Value {
    json!({"log": {"level": level, "message": message}})
}

/// The agent edits a file.
pub(crate) fn edit(path: &str, added: u64, removed: u64) -> Value {
    json!({"agentEdits": {"path": path, "linesAdded": added, "linesRemoved": removed}})
}

/// The agent asks leave for a command, with the options `allow` and `deny`, and waits.
pub(crate) fn ask() -> Value {
    json!({"agentPermissionRequest": {
        "toolCall": {"toolCallId": "deploy", "title": "Deploy", "kind": "execute"},
        "options": [
            {"id": "allow", "label": "Yes", "kind": "allow_once"},
            {"id": "deny", "label": "No", "kind": "reject_once"},
        ],
    }})
}

/// The agent thinks `granted` or `denied`, by the answer.
pub(crate) fn tell_answer() -> Value {
    json!({"agentActions": [
        {"ifGranted": [think("granted")]},
        {"ifDenied": [think("denied")]},
    ]})
}

/// The turn ends, and what follows is played in the next one.
pub(crate) fn next_turn() -> Value {
    json!({"userInputs": [{"input": "go on"}]})
}

/// The agent does nothing any more.
pub(crate) fn hang() -> Value {
    json!({"hang": null})
}

/// The agent exits.
pub(crate) fn exit(code: u8) -> Value {
    json!({"exit": code})
}

/// The agent crashes.
pub(crate) fn crash() -> Value {
    json!({"crash": null})
}

/// The turn fails.
pub(crate) fn fail(reason: &str) -> Value {
    json!({"error": reason})
}

/// What the turn has used.
pub(crate) fn usage(input: u64, output: u64) -> Value {
    json!({"usage": {"inputTokens": input, "outputTokens": output}})
}
