//! Tool calls with the same id, as several models send them.

use serde_json::{Value, json};

use super::scene::{Scene, Session};

/// The id of every call.
const ID: &str = "call_0";

/// Returns an answer of the model that calls tools under the reused id.
fn step(text: &str, operations: &Value) -> Value {
    json!({"text": text, "ops": operations, "call_id": ID})
}

fn shell(command: &str) -> Value {
    json!({"op": "shell", "command": command})
}

/// Three answers with a call each, then a report.
pub(crate) fn of_one_id(scene: &Scene) {
    let script = json!([
        step("One.", &json!([shell("echo one >> ran.txt")])),
        step("Two.", &json!([shell("echo two >> ran.txt")])),
        step("Three.", &json!([{"op": "write", "path": "third.txt", "content": "third\n"}])),
        {"text": "All three ran."},
    ]);
    let mut session = scene.launch(&script.to_string(), &json!({}));
    session.until_message(scene, "All three ran.");
    session.until_idle(scene);
    let ran = std::fs::read_to_string(session.workspace.join("ran.txt")).unwrap();
    assert_eq!(ran, "one\ntwo\n");
    let third = std::fs::read_to_string(session.workspace.join("third.txt")).unwrap();
    assert_eq!(third, "third\n");
    let began = |words: &str| {
        let began = session.seen.iter().find(|event| {
            event["type"] == "tool_use" && event["tool_args"].to_string().contains(words)
        });
        let began = began.unwrap_or_else(|| panic!("{}", session.transcript()));
        began["tool_execution_id"].as_str().unwrap().to_owned()
    };
    let mut calls = ["echo one", "echo two", "third.txt"].map(began);
    for call in &calls {
        let results = session
            .seen
            .iter()
            .filter(|event| event["type"] == "tool_result" && event["tool_execution_id"] == *call);
        let statuses: Vec<&Value> = results.map(|result| &result["status"]).collect();
        assert_eq!(statuses, ["completed"], "{}", session.transcript());
    }
    calls.sort();
    assert!(calls[0] != calls[1] && calls[1] != calls[2], "{calls:?}");
    session.stop(scene);
}

/// Requests under a policy that allows reads only, and under one that allows commands only.
pub(crate) fn judged(scene: &Scene) {
    let agents = json!([scene.program.chosen(&scene.program.asking)]);
    let only = |tools: &[&str]| {
        let rule = |tool: &&str| json!({"tool": tool, "action": "allow"});
        let rules: Vec<Value> = tools.iter().map(rule).collect();
        json!({"permissions": {"default": "deny", "rules": rules}, "agents": agents})
    };
    let read = json!({"op": "read", "path": "README.md"});
    let write = json!({"op": "write", "path": "written.txt", "content": "x\n"});
    let reads = json!([
        step("I read and run.", &json!([read, shell("touch beside.txt")])),
        step("I run.", &json!([shell("touch after.txt")])),
        {"text": "I tried."},
    ]);
    let commands = json!([
        step("I run.", &json!([shell("touch ran.txt")])),
        step("I write.", &json!([write])),
        {"text": "I tried."},
    ]);
    let mut reader = scene.launch(&reads.to_string(), &only(&["read", "Read", "read_file"]));
    let mut runner = scene.launch(&commands.to_string(), &only(&[scene.program.command_tool]));
    reader.until_idle(scene);
    runner.until_idle(scene);
    for file in ["beside.txt", "after.txt"] {
        let ran = reader.workspace.join(file).exists();
        assert!(!ran, "{file}: {}", reader.transcript());
    }
    if scene.program.asks_about_commands {
        check_refused(&reader, "touch after.txt");
        let ran = runner.workspace.join("ran.txt").exists();
        assert!(ran, "{}", runner.transcript());
    }
    check_refused(&runner, "written.txt");
    assert!(!runner.workspace.join("written.txt").exists());
    reader.stop(scene);
    runner.stop(scene);
}

/// Checks that every request about commands was shown as such, and that the one with `words` was
/// refused by the policy.
fn check_refused(session: &Session, words: &str) {
    let requests = session.seen.iter().filter(|event| {
        event["type"] == "permission_request" && event["tool_args"].to_string().contains("touch ")
    });
    for request in requests {
        let name = request["tool_name"].as_str().unwrap().to_lowercase();
        assert!(!name.contains("read"), "{request}");
        let command = request["tool_args"]["command"].as_str().unwrap();
        let is_logged = session
            .seen
            .iter()
            .any(|event| event["type"] == "tool_use" && event["tool_args"]["command"] == command);
        assert!(is_logged, "{request}: {}", session.transcript());
    }
    let request = session.seen.iter().find(|event| {
        event["type"] == "permission_request" && event["tool_args"].to_string().contains(words)
    });
    let request = request.unwrap_or_else(|| panic!("{words}: {}", session.transcript()));
    let resolved = session.seen.iter().find(|event| {
        event["type"] == "permission_resolved" && event["request_id"] == request["request_id"]
    });
    let resolved = resolved.unwrap_or_else(|| panic!("{request}"));
    assert_eq!(resolved["by"], "policy", "{resolved}");
    let options = request["options"].as_array().unwrap();
    let option = options
        .iter()
        .find(|option| option["id"] == resolved["option_id"])
        .unwrap_or_else(|| panic!("{resolved}"));
    assert_eq!(option["kind"], "reject_once", "{resolved}");
}
