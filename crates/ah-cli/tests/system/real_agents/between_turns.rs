//! The work of an agent between its turns.
//!
//! claude-agent-acp is told of the end of a background command, and then speaks, works and asks
//! without a prompt. The other agents do not: Qwen Code and Gemini CLI run commands in the
//! background and never mention them again, and opencode, Copilot CLI and Codex have none. Their
//! sessions must stay idle while such a command runs.

use serde_json::{Value, json};

use super::permissions;
use super::program;
use super::scene::{Scene, Session, play};
use crate::setting::{of_type, wait_for};

/// A command that runs until a file exists.
const COMMAND: &str = "while [ ! -e go ]; do sleep 0.1; done; touch gone";

#[test]
fn claude_acp_speaks_and_asks_after_a_command() {
    play(program::claude_acp(), |scene| {
        let command = json!({"op": "shell", "command": COMMAND, "background": true});
        let mut session = begun(&scene, &command);
        let ended = session.seen.len();
        std::fs::write(session.workspace.join("go"), "").unwrap();
        session.until_message(&scene, "It has ended.");
        let asked = session.until(&scene, "a request", of_type("permission_request"));
        assert_eq!(asked["tool_args"]["command"], "touch after.txt");
        let activity = scene.session(&session.id)["activity"].clone();
        assert_eq!(activity, "awaiting_permission");
        assert!(!session.workspace.join("after.txt").exists());
        allow(&scene, &session, &asked);
        let (_, result) = {
            session.at = ended;
            session.tool_run(&scene, "touch after.txt")
        };
        assert_eq!(result["status"], "completed", "{result}");
        session.until_message(&scene, "All is over.");
        session.until_idle(&scene);
        assert!(session.workspace.join("after.txt").exists());
        let turns = session.seen[ended..]
            .iter()
            .filter(|it| it["type"] == "turn");
        assert_eq!(turns.count(), 0, "{}", session.transcript());
        goes_on(&scene, session);
    });
}

#[test]
fn qwen_is_idle_beside_a_command() {
    let command = json!({"op": "shell", "command": COMMAND, "background": true});
    play(program::qwen(), |scene| is_idle_beside(&scene, &command));
}

#[test]
fn opencode_is_idle_beside_a_command() {
    let detached = format!("({COMMAND}) > /dev/null 2>&1 &");
    let command = json!({"op": "shell", "command": detached});
    play(program::opencode(), |scene| {
        is_idle_beside(&scene, &command);
    });
}

fn is_idle_beside(scene: &Scene, command: &Value) {
    let mut session = begun(scene, command);
    let ended = session.seen.len();
    std::fs::write(session.workspace.join("go"), "").unwrap();
    let gone = session.workspace.join("gone");
    wait_for("the end of the command", || gone.exists());
    session.until_idle(scene);
    let told = session.seen[ended..].iter();
    let told = told.filter(|event| event["type"] == "message");
    assert_eq!(told.count(), 0, "{}", session.transcript());
    goes_on(scene, session);
}

/// Returns a session whose first turn has begun a command and ended beside it.
fn begun(scene: &Scene, command: &Value) -> Session {
    let script = json!([
        {"text": "I begin.", "ops": [command]},
        {"text": "It runs beside."},
        {"text": "It has ended.", "ops": [{"op": "shell", "command": "touch after.txt"}]},
        {"text": "All is over."},
    ]);
    let mut session = scene.launch(&script.to_string(), &json!({"permissions": "ask"}));
    let asked = session.until(scene, "a request", of_type("permission_request"));
    allow(scene, &session, &asked);
    session.until_message(scene, "It runs beside.");
    session.until_idle(scene);
    assert!(!session.workspace.join("gone").exists());
    session
}

fn allow(scene: &Scene, session: &Session, asked: &Value) {
    let option = permissions::option(asked, "allow_once");
    session.answer(scene, asked, &option);
}

/// Checks that the session takes a prompt, and ends.
fn goes_on(scene: &Scene, mut session: Session) {
    session.prompt(scene, "hello");
    session.until_message(scene, "Hello! I am a fake model.");
    session.until_idle(scene);
    session.stop(scene);
}
