//! The access point from a user's view: killed, shut down, restarted, and refused.

use std::process::Output;

use rustix::process::Signal;

use crate::http::Connection;
use crate::server::Server;
use crate::setting::{
    Follower, Setting, agent, agent_processes, of_type, output_text, recorder, status, wait_for,
};

#[test]
fn follower_reconnects_after_each_kill() {
    let setting = Setting::new();
    let mut server = Server::start(&setting);
    let thoughts = "      - think: [[200, a thought]]\n".repeat(8);
    let id = setting.launch(&format!(
        "name: talkative
timeline:
  - llmResponse:
{thoughts}  - agentPermissionRequest:
      toolCall: {{ toolCallId: push, title: Push the branch, kind: execute }}
      options:
        - {{ id: allow, label: \"Yes\", kind: allow_once }}
        - {{ id: deny, label: \"No\", kind: reject_once }}
  - complete: true
"
    ));
    let mut follower = Follower::start(setting.ah(&["session", "follow", &id]));
    for _ in 0..3 {
        follower.until(of_type("thought"));
        server = server.replace(&setting);
    }
    follower.until(of_type("permission_request"));
    server = server.replace(&setting);
    setting.run(&["session", "answer", &id, "allow"]);
    follower.until(status("completed"));
    assert!(follower.child.wait().unwrap().success());
    assert_eq!(setting.log(&id), follower.seen);
    server.end();
}

#[test]
fn clean_shutdown_hands_agents_to_the_next_server() {
    let setting = Setting::new();
    let server = Server::start(&setting);
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
    let server = Server::start(&setting);
    let session = setting.session(&id);
    assert_eq!(session["status"], "running");
    assert_eq!(agent(&id), before);
    let path = session["workspace"]["path"].as_str().unwrap();
    std::fs::write(format!("{path}/go"), "").unwrap();
    assert_eq!(setting.finish(&id)["status"], "completed");
    server.end();
}

#[test]
fn second_server_and_used_port_are_reported() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let refused = |setting: &Setting, port: &str, code: i32, says: &str| {
        let output = setting
            .ah(&["agent", "access-point", "--port", port])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", output_text(&output));
        assert!(
            output_text(&output).contains(says),
            "{}",
            output_text(&output)
        );
    };
    let pid = server.child.id();
    refused(&setting, "0", 8, &format!("process {pid}"));
    let other = Setting::new();
    let port = server.port.number.to_string();
    refused(&other, &port, 6, &format!("port {port}"));
    server.end();
}

#[test]
fn second_signal_ends_the_server_immediately() {
    let setting = Setting::new();
    let mut server = Server::start(&setting);
    let http = server.http(&setting);
    // The server waits for the rest of an incomplete request, for a limited time.
    let head = format!(
        "POST /api/v1/tasks HTTP/1.1\r\nHost: {}\r\nAuthorization: ApiKey {}\r\nContent-Type: \
         application/json\r\nContent-Length: 9\r\n\r\n{{",
        http.address,
        http.key.as_ref().unwrap()
    );
    let half = Connection::open(&http.address, head.as_bytes());
    http.get("/api/v1/sessions").expect(200);
    server.signal(Signal::TERM);
    wait_for("its port to be closed", || !server.port.is_listened_on());
    // Commands do not use a server that no longer accepts requests.
    setting.run(&["session", "list"]);
    assert_eq!(server.child.try_wait().unwrap(), None, "it waits");
    server.signal(Signal::TERM);
    assert_eq!(server.child.wait().unwrap().code(), Some(1));
    drop(half);
    // The next server is not affected by the end of this one.
    server.replace(&setting).end();
}

#[test]
fn session_fails_if_its_recorder_died_with_the_server() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let id = setting.launch(
        "name: long\ntimeline:\n  - agentToolUse: {toolName: runCmd, args: {cmd: sleep 300}}\n",
    );
    let recorder = recorder(&setting, &id);
    let port = server.kill();
    recorder.kill();
    let server = Server::start_at(&setting, port);
    let session = setting.finish(&id);
    assert_eq!(session["status"], "failed", "{session:#}");
    let reason = session["reason"].as_str().unwrap();
    assert!(reason.contains("recorder lost"), "{reason}");
    assert!(agent_processes(&id).is_empty());
    server.end();
}

/// Runs the server, which is expected to fail or only to print something.
fn answer(setting: &Setting, options: &[&str]) -> Output {
    let all = [&["agent", "access-point"], options].concat();
    let mut command = setting.ah(&all);
    command.env("AH_LIMITS_BURST", "300");
    command.env("AH_SERVER_PORT", "300").output().unwrap()
}

#[test]
fn options_override_environment_and_file() {
    let setting = Setting::new();
    std::fs::create_dir_all(setting.home()).unwrap();
    let file = setting.home().join("config.toml");
    let keys = "[server]\nport = 200\n[limits]\nburst = 200\nmax-concurrent-tasks = 2\n";
    std::fs::write(&file, keys).unwrap();
    let output = answer(&setting, &["--print-config", "--port", "400"]);
    assert!(output.status.success(), "{}", output_text(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    for line in [
        "bind = \"127.0.0.1\"",
        "max-concurrent-tasks = 2",
        "burst = 300",
        "port = 400",
    ] {
        assert!(
            text.lines().any(|printed| printed == line),
            "{line}: {text}"
        );
    }
    // The printed configuration can be used as the file.
    std::fs::write(&file, &text).unwrap();
    let again = answer(&setting, &["--print-config", "--port", "400"]);
    assert_eq!(String::from_utf8_lossy(&again.stdout), text);
    std::fs::write(&file, "[server]\nprot = 1\n").unwrap();
    let output = answer(&setting, &["--print-config"]);
    assert_eq!(output.status.code(), Some(8), "{}", output_text(&output));
    assert!(
        output_text(&output).contains("server.prot"),
        "{}",
        output_text(&output)
    );
    assert!(
        output_text(&output).contains("config.toml"),
        "{}",
        output_text(&output)
    );
}

#[test]
fn without_keys_only_loopback_is_served() {
    let setting = Setting::new();
    let output = answer(&setting, &["--insecure-no-auth", "--bind", "0.0.0.0"]);
    assert_eq!(output.status.code(), Some(8), "{}", output_text(&output));
    assert!(
        output_text(&output).contains("0.0.0.0"),
        "{}",
        output_text(&output)
    );
    assert!(!setting.home().join("access-point.json").exists());
}
