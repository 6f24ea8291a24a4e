//! Interrupts during a message and during a command, and the end of a session during a command.

use fake_llm::ResponseEnd;
use serde_json::json;

use super::program::Interrupted;
use super::scene::{Scene, Session};
use crate::setting::{agent, agent_processes, wait_for};

pub(crate) fn of_words_and_commands(scene: &Scene) {
    let mut session = scene.launch("drip", &json!({}));
    words(scene, &mut session);
    command(scene, &mut session);
    run_command(scene, &session);
    // During the command.
    session.stop(scene);
}

fn words(scene: &Scene, session: &mut Session) {
    // More frames than the start of a stream in any dialect, so that some words are included.
    let dripping = |frames: usize| {
        scene.asked("for slow words", |record| {
            record.script.as_deref() == Some("drip") && record.frames >= frames
        })
    };
    let asked = dripping(8);
    session.interrupt(scene);
    session.until_idle(scene);
    assert_eq!(scene.session(&session.id)["status"], "running");
    let asked = scene.asked("no more", |record| {
        record.number == asked.number && record.ending.is_some()
    });
    assert_eq!(asked.ending, Some(ResponseEnd::Disconnected));
}

/// Runs a command that does not end by itself.
fn run_command(scene: &Scene, session: &Session) {
    session.prompt(scene, "long");
    wait_for("the command", || session.workspace.join("began").exists());
    wait_for("its process", || sleeps(session) == 1);
}

/// Returns the number of the command's processes.
fn sleeps(session: &Session) -> usize {
    let is_sleep = |pid: i32| {
        std::fs::read(format!("/proc/{pid}/cmdline"))
            .is_ok_and(|words| words.starts_with(b"sleep\x00600"))
    };
    let processes = agent_processes(&session.id);
    processes
        .iter()
        .filter(|process| is_sleep(process.pid))
        .count()
}

fn command(scene: &Scene, session: &mut Session) {
    let before = agent(&session.id);
    run_command(scene, session);
    session.interrupt(scene);
    session.until_idle(scene);
    assert_eq!(scene.session(&session.id)["status"], "running");
    assert_eq!(agent(&session.id), before);
    if scene.program.interrupted == Interrupted::Ends {
        wait_for("the end of the command", || sleeps(session) == 0);
    } else {
        for process in agent_processes(&session.id) {
            let words = std::fs::read(format!("/proc/{}/cmdline", process.pid)).unwrap_or_default();
            if words.starts_with(b"sleep\x00600") {
                process.kill();
            }
        }
    }
    std::fs::remove_file(session.workspace.join("began")).unwrap();
}
