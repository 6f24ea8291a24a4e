//! Failures of the host, as clients see them: in words of ours, without git's output and without
//! paths of the host.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::path::Path;

use serde_json::{Value, json};

use crate::server::Server;
use crate::setting::{Setting, wait_for};

/// Beginnings of git's own lines, and parts of its words.
const OF_GIT: [&str; 8] = [
    "fatal:",
    "error:",
    "remote:",
    "hint:",
    "unable to access",
    "Could not read from remote",
    "loose object",
    "packfile",
];

/// A host of repositories that refuses every login. It serves as long as the process.
fn refusing_host() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            // The requests of git have no body, and fit into one read.
            let mut head = [0; 8192];
            let _read = connection.read(&mut head);
            let answer = "HTTP/1.1 401 Unauthorized\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\
                          Content-Length: 0\r\nConnection: close\r\n\r\n";
            let _written = connection.write_all(answer.as_bytes());
        }
    });
    format!("http://me:s3cr3t@{address}/x.git")
}

/// Launches a task in this repository, and returns the reason of its failure and the whole text
/// that clients can read about it.
fn failure(setting: &Setting, server: &Server, repo: &Value) -> (String, String) {
    let http = server.http(setting);
    let body = json!({"prompt": "x", "repo": repo, "agents": [{"type": "scenario"}]});
    let launched = http.post("/api/v1/tasks", &body).expect(201);
    let id = launched["session_ids"][0].as_str().unwrap();
    let path = format!("/api/v1/sessions/{id}");
    wait_for("the failure", || {
        http.get(&path).expect(200)["status"] == "failed"
    });
    let session = http.get(&path).expect(200);
    let events = http
        .ask("GET", &format!("{path}/events?perPage=200"))
        .header("Accept", "application/json")
        .send()
        .expect(200);
    let mut text = format!("{session}\n{events}");
    let repositories = http.get("/api/v1/repositories").expect(200);
    for repository in repositories["items"].as_array().unwrap() {
        let id = repository["id"].as_str().unwrap();
        text += &http
            .get(&format!("/api/v1/repositories/{id}/branches"))
            .text();
    }
    (session["reason"].as_str().unwrap().to_owned(), text)
}

fn assert_explained(setting: &Setting, server: &Server, repo: &Value, says: &[&str]) {
    let (reason, text) = failure(setting, server, repo);
    for words in says {
        assert!(reason.contains(words), "`{words}` is not in: {reason}");
    }
    let home = setting.home().display().to_string();
    assert!(!reason.contains(&home), "{reason}");
    for words in OF_GIT.iter().chain(&["s3cr3t"]) {
        assert!(!text.contains(words), "`{words}` of git is in: {text}");
    }
    let log = fs::read_dir(setting.home().join("repos")).ok();
    let mirrors = log.into_iter().flatten().map(|it| it.unwrap().path());
    for mirror in mirrors {
        let mirror = mirror.display().to_string();
        assert!(!text.contains(&mirror), "{mirror}: {text}");
    }
}

#[test]
fn repository_that_cannot_be_read_is_explained() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let repository = setting.repository();
    for (repo, says) in [
        (
            json!({"mode": "git", "url": repository, "branch": "nope"}),
            &["has no branch `nope`", "Use an existing branch"][..],
        ),
        (
            json!({"mode": "git", "url": repository, "commit": "0123456789"}),
            &["no unique commit `0123456789`", "Use an existing commit"],
        ),
        (
            // No server listens on the discard port of loopback.
            json!({"mode": "git", "url": "http://127.0.0.1:9/x.git"}),
            &[
                "`http://127.0.0.1:9/x.git`",
                "does not answer",
                "Check the address",
            ],
        ),
        (
            json!({"mode": "git", "url": refusing_host()}),
            &["the login was refused", "Check the credentials"],
        ),
        (
            json!({"mode": "git", "url": "file:///nowhere/at/all.git"}),
            &["there is no repository", "Check the address"],
        ),
    ] {
        assert_explained(&setting, &server, &repo, says);
    }
    server.end();
}

#[test]
fn damaged_repository_is_explained() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    damage(&setting.repository().join(".git/objects"));
    let repo = json!({"mode": "git", "url": setting.repository()});
    assert_explained(
        &setting,
        &server,
        &repo,
        &["the workspace could not be created", "git fsck"],
    );
    server.end();
}

#[test]
fn changes_outlive_the_copy_of_the_repository() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let timeline = json!([
        {"agentToolUse": {"toolName": "runCmd", "args": {"cmd": "echo more >>README.md"}}},
    ]);
    let scenario = json!({"scenario": {"name": "edit", "timeline": timeline}});
    let body = json!({
        "prompt": "x",
        "repo": {"mode": "git", "url": setting.repository()},
        "agents": [{"type": "scenario", "settings": scenario}],
    });
    let launched = http.post("/api/v1/tasks", &body).expect(201);
    let id = launched["session_ids"][0].as_str().unwrap();
    let path = format!("/api/v1/sessions/{id}");
    wait_for("the end", || {
        http.get(&path).expect(200)["status"] == "completed"
    });
    let reads = ["diff", "files"].map(|what| format!("{path}/{what}"));
    let [before, _] = reads.each_ref().map(|it| http.get(it).expect(200));
    assert_eq!(before["files"][0]["lines_added"], 1, "{before}");
    fs::remove_dir_all(setting.home().join("repos")).unwrap();
    let [after, files] = reads.each_ref().map(|it| http.get(it).expect(200));
    assert_eq!(after, before);
    assert_eq!(files["items"][0]["path"], "README.md", "{files}");
    // Without the store nothing is left.
    let store = setting.home().join(format!("worktrees/{id}.git"));
    damage(&store.join("objects"));
    for read in &reads {
        let problem = http.get(read).problem(410);
        let detail = problem["detail"].as_str().unwrap();
        for words in ["damaged or removed after its end", "launch the task again"] {
            assert!(detail.contains(words), "{detail}");
        }
    }
    server.end();
}

/// Overwrites every object below `folder`.
fn damage(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            damage(&path);
        } else {
            // It may be linked, and read-only.
            fs::remove_file(&path).unwrap();
            fs::write(&path, "damaged").unwrap();
        }
    }
}
