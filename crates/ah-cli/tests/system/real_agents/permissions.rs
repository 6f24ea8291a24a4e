//! Permissions that are granted, denied, and not answered in time.

use serde_json::{Value, json};

use super::program::Refused;
use super::scene::{Scene, Session};
use crate::setting::of_type;

/// The timeout of the unanswered request, in milliseconds: the minimum.
const TIMEOUT_MS: u64 = 1000;

/// A script with a single operation and a report.
fn script(operation: &Value) -> String {
    json!([{"text": "I try.", "ops": [operation]}, {"text": "I tried."}]).to_string()
}

fn write(file: &str) -> String {
    script(&json!({"op": "write", "path": file, "content": "written\n"}))
}

pub(crate) fn asked_and_obeyed(scene: &Scene) {
    let agents = json!([scene.program.chosen(&scene.program.asking)]);
    let impatient = json!({"default": "ask", "timeoutMs": TIMEOUT_MS, "onTimeout": "deny"});
    let mut asked = scene.launch(
        &write("given.txt"),
        &json!({"permissions": "ask", "agents": agents}),
    );
    // Launched with the first one, so that their startup times overlap.
    let late = if scene.program.asks_about_commands {
        script(&json!({"op": "shell", "command": "touch late.txt"}))
    } else {
        write("late.txt")
    };
    let mut alone = scene.launch(&late, &json!({"permissions": impatient, "agents": agents}));
    given(scene, &mut asked);
    refused(scene, &mut asked);
    asked.stop(scene);
    not_answered(scene, &mut alone);
    alone.stop(scene);
}

/// Returns the pending request.
fn request(scene: &Scene, session: &mut Session) -> Value {
    let request = session.until(scene, "a request for leave", of_type("permission_request"));
    assert_eq!(
        scene.session(&session.id)["activity"],
        "awaiting_permission"
    );
    request
}

/// Returns the id of the option of this kind.
pub(super) fn option(request: &Value, kind: &str) -> String {
    let options = request["options"].as_array().unwrap();
    let option = options.iter().find(|option| option["kind"] == kind);
    let option = option.unwrap_or_else(|| panic!("{request:#}"));
    option["id"].as_str().unwrap().to_owned()
}

fn resolved(scene: &Scene, session: &mut Session, request: &Value) -> Value {
    session.until(scene, "what became of it", |event| {
        event["type"] == "permission_resolved" && event["request_id"] == request["request_id"]
    })
}

fn given(scene: &Scene, session: &mut Session) {
    let request = request(scene, session);
    assert!(!session.workspace.join("given.txt").exists());
    let option = option(&request, "allow_once");
    session.answer(scene, &request, &option);
    let resolved = resolved(scene, session, &request);
    assert_eq!(resolved["option_id"], option, "{resolved}");
    session.until_message(scene, "I tried.");
    session.until_idle(scene);
    assert!(session.workspace.join("given.txt").exists());
}

fn refused(scene: &Scene, session: &mut Session) {
    session.prompt(scene, &write("refused.txt"));
    let request = request(scene, session);
    let option = option(&request, "reject_once");
    session.answer(scene, &request, &option);
    check_outcome(scene, session);
    assert!(!session.workspace.join("refused.txt").exists());
}

fn not_answered(scene: &Scene, session: &mut Session) {
    let request = session.until(scene, "a request for leave", of_type("permission_request"));
    let resolved = resolved(scene, session, &request);
    assert_eq!(resolved["outcome"], "expired", "{resolved}");
    check_outcome(scene, session);
    assert!(!session.workspace.join("late.txt").exists());
}

/// Checks the end of the turn after a refusal.
fn check_outcome(scene: &Scene, session: &mut Session) {
    let before = session.at;
    let refused = scene.program.refused;
    match refused {
        Refused::GoesOn => drop(session.until_message(scene, "I tried.")),
        Refused::EndsTurn => {}
        Refused::GivesUp => session.until_error(scene, "permission was denied"),
    }
    session.until_idle(scene);
    let later = &session.seen[before..];
    let errors = later
        .iter()
        .filter(|event| event["type"] == "error")
        .count();
    assert_eq!(
        errors,
        usize::from(refused == Refused::GivesUp),
        "{later:#?}"
    );
}
