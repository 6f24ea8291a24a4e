//! A state folder on a small disk that becomes full or read-only while a session runs.

use std::fs::{self, File};
use std::io::{ErrorKind, Write as _};
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::http::Http;
use crate::server::Server;
use crate::setting::{Setting, agent, output_text, wait_for};

/// The time that the disk takes no data, longer than the pipe and the queues of an agent last.
const OUTAGE: Duration = Duration::from_secs(6);
/// The number of writes that must not all fit into the space that the store has reserved.
const WRITES: usize = 100;

/// A disk in memory in place of the state folder.
struct Disk(PathBuf);

impl Disk {
    /// Mounts the disk. Returns `None` where that is not permitted.
    fn mount(setting: &Setting) -> Option<Self> {
        let home = setting.home();
        fs::create_dir(&home).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs"]);
        match mount.arg(&home).output() {
            Ok(output) if output.status.success() => Some(Self(home)),
            output => {
                let words = output.map(|output| output_text(&output));
                eprintln!("skipped: no disk can be mounted: {words:?}");
                None
            }
        }
    }

    /// Fills the disk to the last byte.
    fn fill(&self) {
        let mut file = File::create(self.0.join("filler")).unwrap();
        for size in [1 << 16, 1 << 12, 1 << 8, 1] {
            let block = vec![7; size];
            loop {
                match file.write_all(&block) {
                    Ok(()) => {}
                    Err(error) if error.kind() == ErrorKind::StorageFull => break,
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }

    fn free(&self) {
        fs::remove_file(self.0.join("filler")).unwrap();
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily, because agents may still use it after a failure of the test.
        let done = Command::new("umount").arg("-l").arg(&self.0).status();
        assert!(done.is_ok_and(|status| status.success()) || std::thread::panicking());
    }
}

/// Returns a scenario whose thoughts take a minute.
fn talkative() -> Value {
    let thoughts: Vec<Value> = (0..3000)
        .map(|number| json!([number * 20, format!("thought {number}")]))
        .collect();
    json!({"name": "talkative", "timeline": [{"llmResponse": [{"think": thoughts}]}]})
}

fn launch(http: &Http, setting: &Setting, scenario: &Value) -> String {
    let task = json!({
        "prompt": "do it",
        "repo": {"mode": "git", "url": setting.repository()},
        "agents": [{"type": "scenario", "settings": {"scenario": scenario}}],
    });
    let launched = http.post("/api/v1/tasks", &task).expect(201);
    launched["session_ids"][0].as_str().unwrap().to_owned()
}

fn is_thought(event: &Value) -> bool {
    event["type"] == "thought"
}

fn status_of(http: &Http, id: &str) -> Value {
    http.get(&format!("/api/v1/sessions/{id}")).expect(200)["status"].clone()
}

/// Returns the answer to a write once one is refused.
fn refused_write(http: &Http) -> Value {
    let text = "x".repeat(100_000);
    for _ in 0..WRITES {
        let draft = json!({
            "prompt": text, "repo": {"mode": "none"}, "agents": [{"type": "scenario"}],
        });
        let answer = http.post("/api/v1/drafts", &draft);
        if answer.status != 201 {
            return answer.problem(503);
        }
    }
    panic!("{WRITES} writes fit on a full disk");
}

/// Checks that the thoughts of a log are complete, and that the log says that they were delayed.
fn assert_nothing_lost(log: &[Value], at_least: usize) {
    let thoughts: Vec<&str> = log
        .iter()
        .filter_map(|event| event["thought"].as_str())
        .collect();
    assert!(thoughts.len() > at_least, "{}", thoughts.len());
    for (number, thought) in thoughts.iter().enumerate() {
        assert_eq!(*thought, format!("thought {number}"));
    }
    let says_so = |event: &Value| {
        let message = event["message"].as_str().unwrap_or_default();
        message.contains("the disk took no data for")
    };
    assert!(log.iter().any(says_so));
}

#[test]
fn a_full_disk_delays_a_session_and_loses_nothing() {
    let setting = Setting::new();
    let Some(disk) = Disk::mount(&setting) else {
        return;
    };
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let id = launch(&http, &setting, &talkative());
    let mut seen = Vec::new();
    http.events(&id, 0).until(&mut seen, is_thought);
    let agent = agent(&id);
    disk.fill();
    wait_for("it to be unready", || http.get("/ready").status == 503);
    let detail = http.get("/ready").problem(503)["detail"].to_string();
    assert!(detail.contains("full; free some space"), "{detail}");
    let problem = refused_write(&http);
    assert_eq!(problem["type"], "/errors/unavailable", "{problem}");
    assert!(
        problem["detail"].to_string().contains("free some space"),
        "{problem}"
    );
    // Reads go on, and so does the session.
    assert_eq!(status_of(&http, &id), "running");
    http.get("/api/v1/sessions").expect(200);
    http.get(&format!("/api/v1/sessions/{id}/events?perPage=5"))
        .expect(200);
    std::thread::park_timeout(OUTAGE);
    assert_eq!(status_of(&http, &id), "running");
    assert!(agent.is_alive());
    let debug = http.get(&format!("/api/v1/sessions/{id}/info")).expect(200);
    let waits = &debug["debug"]["recorder"]["is_waiting_for_disk"];
    assert_eq!(*waits, true, "{debug:#}");
    disk.free();
    wait_for("it to be ready", || http.get("/ready").status == 200);
    let before = seen.len();
    http.events(&id, seen.len() as u64)
        .until(&mut seen, |event| event["thought"] == "thought 200");
    assert!(agent.is_alive());
    http.post(&format!("/api/v1/sessions/{id}/stop"), &json!({}))
        .expect(202);
    wait_for("its end", || status_of(&http, &id) == "stopped");
    assert_nothing_lost(&setting.log(&id), before);
    server.end();
}

#[test]
fn a_session_that_is_stopped_on_a_full_disk_ends_with_all_of_its_records() {
    let mut setting = Setting::new();
    let grace = ("AH_SESSIONS_STOP_GRACE_MS", "300");
    setting
        .environment
        .push((grace.0.to_owned(), grace.1.to_owned()));
    let Some(disk) = Disk::mount(&setting) else {
        return;
    };
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let id = launch(&http, &setting, &talkative());
    let mut seen = Vec::new();
    http.events(&id, 0)
        .until(&mut seen, |event| event["thought"] == "thought 20");
    disk.fill();
    std::thread::park_timeout(Duration::from_secs(1));
    // The request is stored if the store has reserved space, and refused otherwise.
    let stop = || http.post(&format!("/api/v1/sessions/{id}/stop"), &json!({}));
    let stored = stop().status == 202;
    std::thread::park_timeout(OUTAGE);
    let status = status_of(&http, &id);
    assert!(status == "stopping" || status == "running", "{status}");
    disk.free();
    if !stored {
        wait_for("the stop to be stored", || stop().status == 202);
    }
    wait_for("its end", || status_of(&http, &id) == "stopped");
    let log = setting.log(&id);
    assert_nothing_lost(&log, 20);
    let session = setting.session(&id);
    assert_eq!(session["reason"], "stopped by admin", "{session:#}");
    // The failure to store the changes, of which there are none, would be an event.
    assert!(log.iter().all(|event| event["type"] != "error"), "{log:#?}");
    server.end();
}

#[test]
fn a_server_that_starts_on_a_full_disk_takes_its_sessions_up_when_there_is_space() {
    let setting = Setting::new();
    let Some(disk) = Disk::mount(&setting) else {
        return;
    };
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let id = launch(&http, &setting, &talkative());
    let mut seen = Vec::new();
    http.events(&id, 0).until(&mut seen, is_thought);
    let agent = agent(&id);
    let port = server.kill();
    disk.fill();
    let output = setting.ah(&["session", "list", "--json"]).output().unwrap();
    assert!(output.status.success(), "{}", output_text(&output));
    std::thread::park_timeout(OUTAGE);
    assert!(agent.is_alive());
    disk.free();
    let server = Server::start_at(&setting, port);
    let http = server.http(&setting);
    http.events(&id, seen.len() as u64)
        .until(&mut seen, |event| event["thought"] == "thought 100");
    assert!(agent.is_alive());
    http.post(&format!("/api/v1/sessions/{id}/stop"), &json!({}))
        .expect(202);
    wait_for("its end", || status_of(&http, &id) == "stopped");
    assert_nothing_lost(&setting.log(&id), 100);
    server.end();
}
