//! The effects of commands on processes, observed in /proc.

use crate::setting::{Setting, agent_processes, recorder, wait_for};

/// Commands in other process groups and sessions that ignore signals.
const STUBBORN: &str = "name: stubborn
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"trap '' INT TERM HUP; setsid sh -c 'trap \\\"\\\" INT TERM HUP; while :; do sleep 1; done' & touch ready; while :; do sleep 1; done\"}, status: ok}
";

fn stubborn(setting: &Setting) -> String {
    let id = setting.launch(STUBBORN);
    let path = setting.session(&id)["workspace"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    wait_for("its processes", || {
        std::path::Path::new(&path).join("ready").exists()
    });
    id
}

#[test]
fn pause_freezes_every_process_until_the_resume() {
    let setting = Setting::new();
    let id = stubborn(&setting);
    let all_in = |state: fn(Option<char>) -> bool| {
        let all = agent_processes(&id);
        assert!(all.len() >= 3, "{all:?}");
        all.iter().all(|process| state(process.state()))
    };
    setting.run(&["session", "pause", &id]);
    assert_eq!(setting.session(&id)["status"], "paused");
    assert!(
        all_in(|state| state == Some('T')),
        "{:?}",
        agent_processes(&id)
    );
    setting.run(&["session", "resume", &id]);
    assert_eq!(setting.session(&id)["status"], "running");
    assert!(all_in(|state| state != Some('T')));
    setting.run(&["session", "pause", &id]);
    setting.run(&["session", "stop", &id]);
    let session = setting.session(&id);
    assert_eq!(session["status"], "stopped", "{session:#}");
    assert!(agent_processes(&id).is_empty());
}

#[test]
fn stopped_is_reported_after_the_last_process_ended() {
    let setting = Setting::new();
    let id = stubborn(&setting);
    setting.run(&["session", "stop", &id, "--reason", "enough"]);
    assert!(agent_processes(&id).is_empty());
    let session = setting.session(&id);
    assert_eq!(session["status"], "stopped");
    assert!(session["reason"].as_str().unwrap().contains("enough"));
}

#[test]
fn interrupt_ends_the_command_but_not_the_session() {
    let setting = Setting::new();
    let id = setting.launch(
        "name: interrupted
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"touch ready; sleep 300\"}, status: ok}
",
    );
    let path = setting.session(&id)["workspace"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    wait_for("its command", || {
        std::path::Path::new(&path).join("ready").exists()
    });
    setting.run(&["session", "interrupt", &id]);
    wait_for("only the agent to be left", || {
        agent_processes(&id).len() == 1
    });
    assert_eq!(setting.session(&id)["activity"], "idle");
    setting.run(&["session", "stop", &id]);
    assert_eq!(setting.session(&id)["status"], "stopped");
}

#[test]
fn session_over_its_time_limit_fails_and_leaves_no_process() {
    let setting = Setting::new();
    let file = setting.scenario(STUBBORN);
    let output = setting
        .ah(&[
            "task",
            "--follow",
            "--timeout",
            "2s",
            "--scenario",
            file.to_str().unwrap(),
            "go",
        ])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let list = setting.json(&["session", "list"]);
    let session = &list["items"][0];
    assert_eq!(session["status"], "failed", "{session:#}");
    assert!(
        session["reason"]
            .as_str()
            .unwrap()
            .contains("its time limit of 2 s"),
        "{session:#}"
    );
    assert!(agent_processes(session["id"].as_str().unwrap()).is_empty());
}

#[test]
fn a_stopped_recorder_does_not_keep_its_session() {
    let setting = Setting::new();
    let id = stubborn(&setting);
    let recorder = recorder(&setting, &id);
    recorder.signal(rustix::process::Signal::STOP);
    setting.run(&["session", "cancel", &id]);
    let session = setting.session(&id);
    assert_eq!(session["status"], "cancelled", "{session:#}");
    let reason = session["reason"].as_str().unwrap();
    assert!(reason.contains("its recorder did not answer"), "{reason}");
    assert!(agent_processes(&id).is_empty());
    assert!(!recorder.is_alive());
}
