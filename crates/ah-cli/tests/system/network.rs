//! Repositories on hosts that never answer.

use std::net::TcpListener;
use std::process::Stdio;

use rustix::process::Signal;

use crate::setting::{Setting, output_text, wait_for};

/// Returns the address of a host that accepts connections and never answers.
fn silent_host() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut held = Vec::new();
        while let Ok((connection, _)) = listener.accept() {
            held.push(connection);
        }
    });
    format!("http://{address}/project.git")
}

fn is_provisioning(setting: &Setting) -> bool {
    let sessions = setting.json(&["ls", "--status", "provisioning"]);
    sessions["total"] == 1
}

#[test]
fn silent_host_is_left_at_once() {
    let setting = Setting::new();
    let url = silent_host();
    let task = ["task", "--agent", "scenario", "--repo", &url, "x"];
    let mut command = setting
        .ah(&task)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    wait_for("the transfer", || is_provisioning(&setting));
    let pid = i32::try_from(command.id())
        .ok()
        .and_then(rustix::process::Pid::from_raw)
        .unwrap();
    rustix::process::kill_process(pid, Signal::INT).unwrap();
    assert_eq!(command.wait().unwrap().code(), Some(13));
    // The next command attends to the session, and does not wait for the host either.
    let output = setting
        .ah(&["session", "stop"])
        .env("AH_LOG", "info")
        .output()
        .unwrap();
    let text = output_text(&output);
    assert!(
        output.status.success() && text.contains("stopped"),
        "{text}"
    );
    assert!(!text.contains("still being caught up with"), "{text}");
}
