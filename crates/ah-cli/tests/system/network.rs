//! Repositories on other hosts: one that never answers, and one that is slow.

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

/// Stands for ssh: runs the command here, and holds its output back after 200,000 bytes until a file
/// exists.
const SLOW_SSH: &str = r#"
import os, subprocess, sys, time
command = sys.argv[-1].replace("git-upload-pack", "git upload-pack", 1)
process = subprocess.Popen(command, shell=True, stdout=subprocess.PIPE)
sent = 0
while chunk := os.read(process.stdout.fileno(), 4096):
    sent += len(chunk)
    while sent > 200000 and not os.path.exists(os.environ["GO_ON"]):
        time.sleep(0.02)
    os.write(1, chunk)
sys.exit(process.wait())
"#;

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

#[test]
fn long_transfer_shows_its_progress() {
    let mut setting = Setting::new();
    // Files that cannot be compressed.
    let mut state = 1_u64;
    for number in 0..200 {
        let bytes = std::iter::repeat_with(|| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        });
        let content: Vec<u8> = bytes.take(512).flatten().collect();
        std::fs::write(setting.repository().join(format!("{number}.bin")), content).unwrap();
    }
    setting.git(&["add", "--all"]);
    setting.git(&["commit", "-qm", "Grow"]);
    let (ssh, go_on) = (
        setting.folder.path().join("ssh.py"),
        setting.folder.path().join("go"),
    );
    std::fs::write(&ssh, SLOW_SSH).unwrap();
    for (name, value) in [
        ("GIT_SSH_COMMAND", format!("python3 {}", ssh.display())),
        ("GIT_SSH_VARIANT", "simple".to_owned()),
        ("GO_ON", go_on.display().to_string()),
    ] {
        setting.environment.push((name.to_owned(), value));
    }
    let url = format!("you@host.example:{}", setting.repository().display());
    let task = ["task", "--agent", "scenario", "--repo", &url, "x"];
    let mut command = setting
        .ah(&task)
        .stderr(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let events = ["session", "events", "--type", "progress", "--json"];
    wait_for("progress of the transfer", || {
        let output = setting.ah(&events).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let mut events = text.lines().map(|line| serde_json::from_str(line).unwrap());
        events.any(|event: serde_json::Value| {
            let stage = event["stage"].as_str().unwrap();
            assert!(stage.starts_with("fetching you@host.example:"), "{event}");
            (10..100).contains(&event["progress"].as_u64().unwrap())
        })
    });
    std::fs::write(&go_on, "").unwrap();
    assert_eq!(command.wait().unwrap().code(), Some(0));
    setting.run(&["session", "stop"]);
}
