//! Kill -9 of the access point during a turn.

use serde_json::json;

use super::scene::Scene;
use crate::server::Server;
use crate::setting::{agent, wait_for};

pub(crate) fn in_the_middle(mut scene: Scene) {
    let command = "touch began; while [ ! -e go ]; do sleep 0.1; done";
    let script = json!([
        {"text": "I wait.", "ops": [{"op": "shell", "command": command}]},
        {"text": "It went on."},
    ]);
    let mut session = scene.launch(&script.to_string(), &json!({}));
    wait_for("the command", || session.workspace.join("began").exists());
    let before = agent(&session.id);
    let port = scene.server.kill();
    // The turn ends while no server runs.
    std::fs::write(session.workspace.join("go"), "").unwrap();
    let asked = scene.llm.wait_for(super::scene::PATIENCE, |record| {
        record.script.as_deref() == Some("inline") && record.step == 1 && record.ending.is_some()
    });
    assert!(asked.is_some());
    assert!(before.is_alive());
    scene.server = Server::start_at(&scene.setting, port);
    session.until_message(&scene, "It went on.");
    assert_eq!(agent(&session.id), before);
    session.until_idle(&scene);
    session.prompt(&scene, "hello");
    session.until_message(&scene, "Hello! I am a fake model.");
    assert_eq!(agent(&session.id), before);
    let began = session
        .seen
        .iter()
        .filter(|event| event["status"] == "running");
    assert_eq!(began.count(), 1);
    session.until_idle(&scene);
    session.stop(&scene);
}
