//! Kill -9 of each part at several points: no lost or repeated events, no orphans, an honest
//! status.

use serde_json::Value;

use crate::setting::{
    Follower, Setting, agent, agent_processes, of_type, recorder, status, wait_for,
};

/// A session of a few seconds with visible progress at each step.
const STEADY: &str = "name: steady
timeline:
  - llmResponse:
      - think: [[100, first thought]]
      - assistant: [[100, first words]]
  - agentToolUse: {toolName: runCmd, args: {cmd: \"for i in 1 2 3 4 5 6 7 8; do echo $i >> counted.txt; sleep 0.1; done\"}, status: ok}
  - llmResponse:
      - think: [[200, second thought]]
  - agentEdits: {path: notes.md, linesAdded: 3, linesRemoved: 0}
  - llmResponse:
      - think: [[200, third thought]]
      - assistant: [[100, last words]]
  - complete: true
";

fn thoughts(log: &[Value]) -> Vec<&str> {
    log.iter()
        .filter_map(|event| event["thought"].as_str())
        .collect()
}

/// A point in the life of a session: its name, and the event that identifies it.
type CrashPoint = (&'static str, fn(&Value) -> bool);

#[test]
fn killing_ah_at_any_point_loses_nothing_and_the_agent_continues() {
    let points: [CrashPoint; 6] = [
        ("queued", |event| event["status"] == "queued"),
        ("provisioning", |event| event["status"] == "provisioning"),
        ("running", |event| event["status"] == "running"),
        ("in a thought", |event| event["type"] == "thought"),
        ("in a command", |event| event["type"] == "tool_use"),
        ("after an edit", |event| event["type"] == "file_edit"),
    ];
    let setting = Setting::new();
    let file = setting.scenario(STEADY);
    for (name, moment) in points {
        let (follower, id) = setting.follow_task(&file, moment);
        let seen = follower.kill();
        let agent_before = agent_processes(&id).first().copied();

        let session = setting.finish(&id);
        assert_eq!(
            session["status"], "completed",
            "killed when {name}: {session:#}"
        );
        if let Some(before) = agent_before {
            assert!(!before.is_alive(), "the agent has ended");
        }
        let log = setting.log(&id);
        assert_eq!(log[..seen.len()], seen, "what was seen stands");
        assert_eq!(
            thoughts(&log),
            ["first thought", "second thought", "third thought"],
            "{name}"
        );
        assert_eq!(
            log.iter().filter(|event| status("running")(event)).count(),
            1,
            "{name}"
        );
        let path = session["workspace"]["path"].as_str().unwrap();
        let counted = std::fs::read_to_string(format!("{path}/counted.txt")).unwrap();
        assert_eq!(counted, "1\n2\n3\n4\n5\n6\n7\n8\n", "every tool ran once");
        assert!(agent_processes(&id).is_empty());
    }
}

#[test]
fn the_agent_is_the_same_process_before_and_after_ah_is_killed() {
    let setting = Setting::new();
    let file = setting.scenario(
        "name: patient
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"while [ ! -e go ]; do sleep 0.05; done\"}, status: ok}
  - complete: true
",
    );
    let (follower, id) = setting.follow_task(&file, of_type("tool_use"));
    let before = agent(&id);
    follower.kill();
    // Twice, each time with a new `ah` that attaches and detaches.
    for _ in 0..2 {
        assert_eq!(setting.session(&id)["status"], "running");
        assert_eq!(agent(&id), before);
    }
    let mut again = Follower::start(setting.ah(&["session", "follow", &id]));
    again.until(of_type("tool_use"));
    again.kill();
    assert_eq!(agent(&id), before);
    let path = setting.session(&id)["workspace"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    std::fs::write(format!("{path}/go"), "").unwrap();
    assert_eq!(setting.finish(&id)["status"], "completed");
    setting.log(&id);
}

#[test]
fn agent_that_ends_unsupervised_is_completed_by_the_next_process() {
    let setting = Setting::new();
    let file = setting.scenario(STEADY);
    let (follower, id) = setting.follow_task(&file, status("running"));
    follower.kill();
    let path = setting.session(&id)["workspace"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    wait_for("the edit", || {
        std::path::Path::new(&path).join("notes.md").exists()
    });
    let session = setting.finish(&id);
    assert_eq!(session["status"], "completed", "{session:#}");
    assert_eq!(thoughts(&setting.log(&id)).len(), 3);
}

/// A command that leaves processes in other process groups and sessions.
const UNTIDY: &str = "name: untidy
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"setsid sleep 300 & (setsid sh -c 'sleep 301 & sleep 302' &) ; touch ready; sleep 303\"}, status: ok}
";

fn untidy(setting: &Setting) -> String {
    let id = setting.launch(UNTIDY);
    let path = setting.session(&id)["workspace"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    wait_for("its processes", || {
        std::path::Path::new(&path).join("ready").exists()
    });
    wait_for("all of them", || agent_processes(&id).len() >= 6);
    id
}

#[test]
fn a_killed_recorder_fails_the_session_and_leaves_no_process() {
    let setting = Setting::new();
    let id = untidy(&setting);
    recorder(&setting, &id).kill();
    let session = setting.finish(&id);
    assert_eq!(session["status"], "failed");
    let reason = session["reason"].as_str().unwrap();
    assert!(reason.contains("recorder lost"), "{reason}");
    assert!(agent_processes(&id).is_empty());
    setting.log(&id);
}

#[test]
fn a_killed_agent_fails_the_session_and_leaves_no_process() {
    let setting = Setting::new();
    let id = untidy(&setting);
    agent(&id).kill();
    let session = setting.finish(&id);
    assert_eq!(session["status"], "failed");
    let reason = session["reason"].as_str().unwrap();
    assert!(reason.contains("signal 9"), "{reason}");
    assert!(agent_processes(&id).is_empty());
    setting.log(&id);
}

#[test]
fn killing_server_recorder_and_agent_is_reported() {
    let setting = Setting::new();
    let file = setting.scenario(UNTIDY);
    let (follower, id) = setting.follow_task(&file, of_type("tool_use"));
    let (recorder, agent) = (recorder(&setting, &id), agent(&id));
    follower.kill();
    recorder.kill();
    agent.kill();
    let session = setting.finish(&id);
    assert_eq!(session["status"], "failed", "{session:#}");
    assert!(agent_processes(&id).is_empty());
}

/// Runs a session through every activity of an agent, and stays at `point`.
fn at_a_point(setting: &Setting, point: &str) -> String {
    let timeline = match point {
        "thinking" => {
            "  - llmResponse: [{think: [[100, a thought]]}, {think: [[300000, too late]]}]"
        }
        "in a command" => {
            "  - agentToolUse: {toolName: runCmd, args: {cmd: sleep 300}, status: ok}"
        }
        "requesting permission" => {
            "  - agentPermissionRequest:
      toolCall: {toolCallId: t, title: Do it, kind: execute}
      options: [{id: allow, label: Allow, kind: allow_once}]
      granted: true"
        }
        "idle" | "paused" => "  - agentEdits: {path: a.txt, linesAdded: 1, linesRemoved: 0}",
        other => panic!("{other} is not a point"),
    };
    let file = setting.scenario(&format!("name: a point\ntimeline:\n{timeline}\n"));
    let file = file.to_str().unwrap();
    let mut follower = Follower::start(setting.ah(&[
        "task",
        "--follow",
        "--interactive",
        "--scenario",
        file,
        "do it",
    ]));
    let reached: fn(&Value) -> bool = match point {
        "thinking" => |event| event["type"] == "thought",
        "in a command" => |event| event["type"] == "tool_use",
        "requesting permission" => |event| event["type"] == "permission_request",
        _ => |event| event["type"] == "file_edit",
    };
    let id = follower.until(reached)["sessionId"]
        .as_str()
        .unwrap()
        .to_owned();
    if point == "paused" {
        setting.run(&["session", "pause", &id]);
        follower.until(status("paused"));
    }
    follower.kill();
    id
}

#[test]
fn killing_recorder_or_agent_at_any_point_is_reported_and_leaves_no_process() {
    for point in [
        "thinking",
        "in a command",
        "requesting permission",
        "idle",
        "paused",
    ] {
        for victim in ["recorder", "agent"] {
            let setting = Setting::new();
            let id = at_a_point(&setting, point);
            match victim {
                "recorder" => recorder(&setting, &id).kill(),
                _ => agent(&id).kill(),
            }
            let session = setting.finish(&id);
            assert_eq!(
                session["status"], "failed",
                "{victim} killed when {point}: {session:#}"
            );
            let reason = session["reason"].as_str().unwrap();
            let word = if victim == "recorder" {
                "recorder lost"
            } else {
                "signal 9"
            };
            assert!(
                reason.contains(word),
                "{victim} killed when {point}: {reason}"
            );
            assert!(
                agent_processes(&id).is_empty(),
                "{victim} killed when {point}"
            );
            let permissions = setting.json(&["session", "permissions", &id]);
            for permission in permissions["items"].as_array().unwrap() {
                assert_eq!(permission["state"], "resolved", "{permission:#}");
            }
            setting.log(&id);
        }
    }
}
