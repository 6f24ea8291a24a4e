//! The access point as a user has it: killed, ended, started again, and refused.

use std::io::{BufRead, BufReader};
use std::process::{Child, Stdio};

use serde_json::Value;

use crate::setting::{Follower, Setting, agent, of_type, said};

/// A server that takes requests. It ends with the setting it runs in.
struct Server {
    child: Child,
    port: String,
}

impl Server {
    fn start(setting: &Setting, port: &str) -> Self {
        let mut child = setting
            .ah(&["agent", "access-point", "--json", "--port", port])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let ready: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(ready["pid"], child.id());
        let url = ready["url"].as_str().unwrap().trim_end_matches('/');
        let port = url.rsplit(':').next().unwrap().to_owned();
        Self { child, port }
    }

    /// Kills it with -9, and starts another one in its place.
    fn replace(mut self, setting: &Setting) -> Self {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        Self::start(setting, &self.port)
    }

    /// Ends it in order.
    fn end(mut self) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        assert!(self.child.wait().unwrap().success());
    }
}

/// Thoughts to be killed at, a question, and a second turn.
fn talkative() -> String {
    let thoughts = "      - think: [[250, a thought]]\n".repeat(24);
    format!(
        "name: talkative
timeline:
  - llmResponse:
{thoughts}  - agentPermissionRequest:
      toolCall: {{ toolCallId: push, title: Push the branch, kind: execute }}
      options:
        - {{ id: allow, label: \"Yes\", kind: allow_once }}
        - {{ id: deny, label: \"No\", kind: reject_once }}
  - userInputs: [{{relativeTime: 0, input: more}}]
  - llmResponse:
      - think: [[50, the last thought]]
  - complete: true
"
    )
}

#[test]
fn killed_twenty_times_it_loses_nothing() {
    let setting = Setting::new();
    let mut server = Server::start(&setting, "0");
    let id = setting.launch(&talkative());
    // One reader for all of it, which comes back after each death by itself.
    let mut follower = Follower::start(setting.ah(&["session", "follow", &id]));
    follower.until(of_type("thought"));
    let before = agent(&id);
    setting.run(&["session", "prompt", &id, "more"]);
    for _ in 0..19 {
        follower.until(of_type("thought"));
        server = server.replace(&setting);
        assert_eq!(agent(&id), before, "the agent goes on");
    }
    follower.until(of_type("permission_request"));
    server = server.replace(&setting);
    assert_eq!(agent(&id), before, "the agent waits");
    setting.run(&["session", "answer", &id, "allow"]);
    follower.until(|event| event["thought"] == "the last thought");
    follower.until(|event| event["status"] == "completed");
    let seqs: Vec<u64> = follower
        .seen
        .iter()
        .map(|event| event["seq"].as_u64().unwrap())
        .collect();
    assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
    assert!(follower.child.wait().unwrap().success());
    assert_eq!(setting.log(&id), follower.seen);
    server.end();
    // The engine of the command itself tells the same.
    assert_eq!(setting.log(&id), follower.seen);
}

#[test]
fn ended_in_order_it_leaves_its_agents_to_the_next_one() {
    let setting = Setting::new();
    let server = Server::start(&setting, "0");
    let id = setting.launch(
        "name: patient
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"while [ ! -e go ]; do sleep 0.05; done\"}, status: ok}
  - complete: true
",
    );
    let mut follower = Follower::start(setting.ah(&["session", "follow", &id]));
    follower.until(of_type("tool_use"));
    follower.kill();
    let before = agent(&id);
    server.end();
    assert!(!setting.home().join("access-point.json").exists());
    assert_eq!(agent(&id), before);
    let server = Server::start(&setting, "0");
    let session = setting.session(&id);
    assert_eq!(session["status"], "running");
    assert_eq!(agent(&id), before);
    let path = session["workspace"]["path"].as_str().unwrap();
    std::fs::write(format!("{path}/go"), "").unwrap();
    assert_eq!(setting.finish(&id)["status"], "completed");
    server.end();
}

#[test]
fn a_second_server_and_a_taken_port_are_refused_in_words() {
    let setting = Setting::new();
    let server = Server::start(&setting, "0");
    let refused = |setting: &Setting, port: &str, code: i32, says: &str| {
        let output = setting
            .ah(&["agent", "access-point", "--port", port])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(says), "{}", said(&output));
    };
    let pid = server.child.id();
    refused(&setting, "0", 8, &format!("process {pid}"));
    let other = Setting::new();
    refused(&other, &server.port, 6, &format!("port {}", server.port));
    server.end();
}
