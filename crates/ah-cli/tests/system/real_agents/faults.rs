//! A model that refuses, is overloaded, and breaks off.

use fake_llm::Record;
use serde_json::json;

use super::program::Fault;
use super::scene::{Scene, Session};

pub(crate) fn of_the_model(scene: &Scene) {
    let mut session = scene.launch("hello", &json!({}));
    session.until_message(scene, "Hello! I am a fake model.");
    session.until_idle(scene);
    let program = &scene.program;
    for (script, fault) in [
        ("unauthorized", program.unauthorized),
        ("ratelimit", program.rate_limited),
        ("cut", program.cut),
        ("truncated", program.truncated),
    ] {
        happens(scene, &mut session, script, fault);
    }
    // The session still works.
    session.prompt(scene, "hello");
    session.until_message(scene, "Hello! I am a fake model.");
    session.until_idle(scene);
    session.stop(scene);
}

fn happens(scene: &Scene, session: &mut Session, script: &str, fault: Fault) {
    session.prompt(scene, script);
    match fault {
        Fault::Error(words) => session.until_error(scene, words),
        Fault::Unnoticed => drop(session.until_message(scene, "This answer is cut off")),
        Fault::TriedAgain => {
            let first = scene.asked(script, |record| is_of(record, script));
            scene.asked("again", |record| {
                record.number > first.number && is_of(record, script)
            });
            session.interrupt(scene);
        }
    }
    session.until_idle(scene);
    assert_eq!(scene.session(&session.id)["status"], "running");
}

fn is_of(record: &Record, script: &str) -> bool {
    record.script.as_deref() == Some(script)
}
