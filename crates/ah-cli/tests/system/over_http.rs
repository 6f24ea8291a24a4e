//! The whole life of a session over plain HTTP, with each step observed from outside.

use std::path::Path;

use serde_json::{Value, json};

use crate::server::Server;
use crate::setting::{Setting, agent, agent_processes, of_type, status, wait_for};

#[test]
fn a_session_is_steered_from_its_task_to_its_deletion() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let launched = http.post("/api/v1/tasks", &task(&setting));
    let task = launched.expect(201);
    let id = task["session_ids"][0].as_str().unwrap();
    let session = format!("/api/v1/sessions/{id}");
    assert_eq!(launched.header("location"), session);
    let act = |what: &str, body: Value| http.post(&format!("{session}/{what}"), &body);
    let now = || http.get(&session).expect(200);

    let mut seen = Vec::new();
    let mut events = http.events(id, 0);
    let asked = events.until(&mut seen, of_type("permission_request"));
    let thought = &seen[seen.len() - 2];
    assert_eq!(thought["thought"], "I ask first");
    assert_eq!(now()["activity"], "awaiting_permission");
    let waiting = http.get(&format!("{session}/permissions")).expect(200);
    let request = &waiting["items"][0]["request"]["request_id"];
    assert_eq!(*request, asked["request_id"]);
    let path = now()["workspace"]["path"].as_str().unwrap().to_owned();
    let folder = Path::new(&path);
    assert!(!folder.join("granted.txt").exists());
    let answer = format!("permissions/{}", request.as_str().unwrap());
    act(&answer, json!({"optionId": "allow"})).expect(200);
    let settled = events.until(&mut seen, of_type("permission_resolved"));
    assert_eq!(settled["option_id"], "allow");
    assert_eq!(settled["by"], "admin");

    wait_for("the command", || folder.join("ready").exists());
    assert!(folder.join("granted.txt").exists());
    let agent = agent(id);
    act("interrupt", Value::Null).expect(202);
    wait_for("the end of the command", || agent_processes(id).len() == 1);
    assert!(agent.is_alive(), "an interrupt is not the end");

    let receipt = act("prompt", json!({"prompt": "and now the other"})).expect(202);
    assert_eq!(receipt["accepted"], true);
    let is_prompt = |event: &Value| event["type"] == "message" && event["role"] == "user";
    let message = events.until(&mut seen, is_prompt);
    assert_eq!(message["content"][0]["text"], "and now the other");
    wait_for("the second command", || folder.join("second").exists());

    act("stop", json!({"reason": "enough"})).expect(202);
    let stopped = events.until(&mut seen, status("stopped"));
    assert!(stopped["reason"].as_str().unwrap().contains("enough"));
    assert_eq!(agent_processes(id).len(), 0);
    assert_eq!(events.next(), None, "nothing comes after the end");
    let diff = http.get(&format!("{session}/diff")).expect(200);
    assert_eq!(diff["files"][0]["path"], "granted.txt", "{diff}");

    for _ in 0..2 {
        let deleted = http.ask("DELETE", &session).send();
        assert_eq!(deleted.status, 204, "{}", deleted.text());
    }
    assert_eq!(
        now()["status"],
        "stopped",
        "it is hidden, and stays as it ended"
    );
    let list = http.get("/api/v1/sessions").expect(200);
    assert_eq!(list["total"], 0, "{list}");
    server.end();
}

#[test]
fn deleting_a_running_session_removes_everything() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let task = http.post("/api/v1/tasks", &task(&setting)).expect(201);
    let id = task["session_ids"][0].as_str().unwrap();
    let session = format!("/api/v1/sessions/{id}");
    let mut seen = Vec::new();
    let mut events = http.events(id, 0);
    events.until(&mut seen, of_type("permission_request"));
    let path = http.get(&session).expect(200)["workspace"]["path"].clone();
    assert_eq!(http.ask("DELETE", &session).send().status, 204);
    events.until(&mut seen, status("cancelled"));
    assert_eq!(agent_processes(id).len(), 0);
    assert!(!Path::new(path.as_str().unwrap()).exists());
    assert_eq!(http.get(&session).expect(200)["status"], "cancelled");
    let prompt = json!({"prompt": "are you there?"});
    let late = http.post(&format!("{session}/prompt"), &prompt);
    assert_eq!(late.problem(410)["type"], "/errors/gone");
    server.end();
}

/// An agent that requests permission, works until it is interrupted, and works again after a
/// prompt.
fn task(setting: &Setting) -> Value {
    let command = |cmd: &str| json!({"agentToolUse": {"toolName": "runCmd", "args": {"cmd": cmd}}});
    json!({
        "prompt": "do it",
        "repo": {"mode": "git", "url": setting.repository()},
        "interactive": true,
        "agents": [{"type": "scenario", "settings": {"scenario": {
            "name": "steered",
            "timeline": [
                {"llmResponse": [{"think": ["I ask first"]}]},
                {"agentPermissionRequest": {
                    "toolCall": {"toolCallId": "t", "title": "Write a file", "kind": "execute"},
                    "options": [
                        {"id": "allow", "label": "Yes", "kind": "allow_once"},
                        {"id": "deny", "label": "No", "kind": "reject_once"},
                    ],
                }},
                {"agentToolUse": {
                    "toolCallId": "t", "toolName": "runCmd", "args": {"cmd": "echo yes > granted.txt"},
                }},
                command("touch ready; sleep 300"),
                {"userInputs": [{"input": "more"}]},
                command("touch second; sleep 300"),
            ],
        }}}],
    })
}
