//! The host around sessions: the state folder and who may write to it, secrets on its disk, and
//! limits of processes.

use std::fs::{self, Permissions};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use crate::server::Server;
use crate::setting::{Setting, agent_processes, output_text, recorder, wait_for};

/// A user that owns no file of a test.
const OTHER: u32 = 12_345;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Runs `ah` and expects it to refuse the state folder with these words.
fn assert_refused(setting: &Setting, args: &[&str], words: &str) {
    let output = setting.ah(args).output().unwrap();
    assert_eq!(
        output.status.code(),
        Some(8),
        "{args:?}: {}",
        output_text(&output)
    );
    assert!(
        output_text(&output).contains(words),
        "{args:?}: {}",
        output_text(&output)
    );
}

#[test]
fn a_state_folder_of_another_user_is_not_read() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give files away.
        return;
    }
    let setting = Setting::new();
    let home = setting.home();
    let pwned = setting.folder.path().join("pwned");
    fs::create_dir(&home).unwrap();
    let config = format!(
        "[[agents]]\ntype = \"evil\"\ndriver = \"acp\"\ncommand = [\"/bin/sh\", \"-c\", \"id >{}\"]\n",
        pwned.display()
    );
    fs::write(home.join("config.toml"), config).unwrap();
    let commands: [&[&str]; 5] = [
        &[
            "task", "--agent", "evil", "--repo", "none", "--follow", "hi",
        ],
        &["agents"],
        &["session", "list"],
        &["agent", "access-point", "--port", "0"],
        &["agent", "access-point", "--print-config"],
    ];
    // The folder, a file in it, and a link to a folder.
    chown(&home, Some(OTHER), None).unwrap();
    for args in commands {
        assert_refused(&setting, args, "belongs to user 12345");
    }
    chown(&home, Some(0), None).unwrap();
    chown(home.join("config.toml"), Some(OTHER), None).unwrap();
    for args in commands {
        assert_refused(&setting, args, "config.toml belongs to user 12345");
    }
    fs::remove_file(home.join("config.toml")).unwrap();
    let sessions = setting.folder.path().join("sessions");
    fs::create_dir(&sessions).unwrap();
    symlink(&sessions, home.join("sessions")).unwrap();
    std::os::unix::fs::lchown(home.join("sessions"), Some(OTHER), None).unwrap();
    for args in commands {
        assert_refused(&setting, args, "sessions belongs to user 12345");
    }
    assert!(!pwned.exists());
}

#[test]
fn open_permissions_of_the_state_folder_are_removed_or_refused() {
    let setting = Setting::new();
    let home = setting.home();
    fs::create_dir(&home).unwrap();
    set_mode(&home, 0o777);
    setting.run(&["session", "list"]);
    let mut folders = vec![home.clone()];
    while let Some(folder) = folders.pop() {
        assert_eq!(
            fs::metadata(&folder).unwrap().mode() & 0o077,
            0,
            "{folder:?}"
        );
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            let found = path.symlink_metadata().unwrap();
            assert_eq!(found.mode() & 0o077, 0, "{path:?}");
            if found.is_dir() {
                folders.push(path);
            }
        }
    }
    // A configuration elsewhere is not changed, but refused.
    let config = setting.folder.path().join("shared.toml");
    fs::write(&config, "").unwrap();
    set_mode(&config, 0o666);
    symlink(&config, home.join("config.toml")).unwrap();
    assert_refused(&setting, &["agents"], "chmod go-w");
    fs::remove_file(home.join("config.toml")).unwrap();
    let named = config.to_str().unwrap();
    let args = ["agent", "access-point", "--print-config", "--config", named];
    assert_refused(&setting, &args, "chmod go-w");
    set_mode(&config, 0o644);
    setting.run(&args);
}

#[test]
fn an_empty_store_beside_the_work_of_sessions_is_refused() {
    let setting = Setting::new();
    let id = setting.launch("name: short\ntimeline:\n  - complete: true\n");
    setting.finish(&id);
    let store = setting.home().join("state.db");
    let backup = fs::read(&store).unwrap();
    for content in [None, Some("")] {
        match content {
            None => fs::remove_file(&store).unwrap(),
            Some(content) => fs::write(&store, content).unwrap(),
        }
        for args in [
            &["session", "list"][..],
            &["agent", "access-point", "--port", "0"],
        ] {
            assert_refused(&setting, args, "has work of some");
        }
    }
    fs::write(&store, backup).unwrap();
    assert_eq!(setting.session(&id)["status"], "completed");
}

#[test]
fn a_new_store_in_a_used_state_folder_is_reported() {
    let setting = Setting::new();
    let words = "the store is new, but the state folder is not";
    let list = || {
        let output = setting.ah(&["session", "list"]).output().unwrap();
        assert!(output.status.success(), "{}", output_text(&output));
        output_text(&output)
    };
    for expected in [false, false, true, false] {
        if expected {
            for name in ["state.db", "state.db-wal", "state.db-shm"] {
                let path = setting.home().join(name);
                assert!(fs::remove_file(&path).is_ok() || !path.exists());
            }
        }
        let said = list();
        assert_eq!(said.contains(words), expected, "{said}");
    }
}

#[test]
fn a_killed_recorder_leaves_no_secret_on_the_disk() {
    let mut setting = Setting::new();
    let allowed = ("AH_SESSIONS_ALLOWED_ENV", "TOKEN");
    setting
        .environment
        .push((allowed.0.to_owned(), allowed.1.to_owned()));
    let server = Server::start(&setting);
    let http = server.http(&setting);
    let launched = http.post(
        "/api/v1/tasks",
        &serde_json::json!({
            "prompt": "wait",
            "repo": {"mode": "none"},
            "agents": [{"type": "scenario", "settings": {"scenario": {
                "name": "waits", "timeline": [{"hang": true}],
            }}}],
            "env": {"TOKEN": "secret-0123456789"},
        }),
    );
    let id = launched.json()["session_ids"][0]
        .as_str()
        .unwrap()
        .to_owned();
    wait_for("its agent", || !agent_processes(&id).is_empty());
    let folder = setting.home().join("sessions").join(&id);
    wait_for("its settings", || folder.join("scenario.json").exists());
    recorder(&setting, &id).kill();
    wait_for("its end", || setting.session(&id)["status"] == "failed");
    wait_for("its log alone to be left", || {
        let left = fs::read_dir(&folder).unwrap();
        let left: Vec<_> = left.map(|entry| entry.unwrap().file_name()).collect();
        left == ["recorder.log"]
    });
    let secret = b"secret-0123456789";
    wait_for("the secret to leave the disk", || {
        let holds = |path: &Path| {
            let bytes = fs::read(path).unwrap_or_default();
            bytes.windows(secret.len()).any(|part| part == secret)
        };
        let files = ["state.db", "state.db-wal"].map(|name| setting.home().join(name));
        !files.iter().any(|path| holds(path))
    });
    server.end();
}

/// Returns `command` in a shell after `limit`, a call of `ulimit`.
fn with_descriptors(command: &Command, limit: &str) -> Command {
    let mut limited = Command::new("/bin/sh");
    limited
        .args(["-c", &format!("{limit}; exec \"$@\""), "sh"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => limited.env(name, value),
            None => limited.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        limited.current_dir(folder);
    }
    limited
}

#[test]
fn many_connections_fail_no_session_and_agents_keep_the_limit_of_descriptors() {
    let setting = Setting::new();
    let server = Server::start_with(&setting, |command| {
        with_descriptors(command, "ulimit -Sn 256")
    });
    let mut held = Vec::new();
    for _ in 0..600 {
        held.push(TcpStream::connect(("127.0.0.1", server.port.number)).unwrap());
    }
    let id = setting.launch(
        "name: limit
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"ulimit -Sn >limit\"}, status: ok}
  - complete: true
",
    );
    let session = setting.finish(&id);
    assert_eq!(session["status"], "completed", "{session:#}");
    let folder = session["workspace"]["path"].as_str().unwrap();
    let limit = fs::read_to_string(Path::new(folder).join("limit")).unwrap();
    assert_eq!(limit.trim(), "256");
    drop(held);
    server.end();
}

/// The limit of open files that a server cannot raise, and the sessions that run within it.
const HARD_LIMIT: &str = "ulimit -n 256";
const SESSIONS: usize = 12;

#[test]
fn a_hard_limit_of_descriptors_fails_no_session() {
    let setting = Setting::new();
    let server = Server::start_with(&setting, |command| with_descriptors(command, HARD_LIMIT));
    let http = server.http(&setting);
    let address = ("127.0.0.1", server.port.number);
    // Strangers, and clients that follow a session.
    let mut silent: Vec<TcpStream> = Vec::new();
    for _ in 0..300 {
        silent.push(TcpStream::connect(address).unwrap());
    }
    let scenario = serde_json::json!({
        "name": "short",
        "timeline": [
            {"agentToolUse": {"toolName": "runCmd", "args": {"cmd": "sleep 1"}}},
            {"agentEdits": {"path": "notes.md", "linesAdded": 3, "linesRemoved": 0}},
            {"complete": true},
        ],
    });
    let task = serde_json::json!({
        "prompt": "do it",
        "repo": {"mode": "git", "url": setting.repository()},
        "agents": [{"type": "scenario", "settings": {"scenario": scenario}, "count": SESSIONS}],
    });
    let launched = http.post("/api/v1/tasks", &task).expect(201);
    let ids: Vec<&str> = launched["session_ids"]
        .as_array()
        .unwrap()
        .iter()
        .map(|id| id.as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), SESSIONS);
    let followers: Vec<_> = (0..80)
        .map(|number| http.events(ids[number % SESSIONS], 0))
        .collect();
    for _ in 0..300 {
        silent.push(TcpStream::connect(address).unwrap());
    }
    for id in ids {
        wait_for("its end", || {
            let session = http.get(&format!("/api/v1/sessions/{id}")).expect(200);
            let status = session["status"].as_str().unwrap().to_owned();
            assert!(status != "failed", "{session:#}");
            status == "completed"
        });
        let session = http.get(&format!("/api/v1/sessions/{id}")).expect(200);
        assert_eq!(session["changes"]["lines_added"], 3, "{session:#}");
    }
    let open = fs::read_dir(format!("/proc/{}/fd", server.child.id())).unwrap();
    let open = open.count();
    assert!(open < 256, "{open} descriptors are open");
    drop(followers);
    drop(silent);
    server.end();
}

/// Harms the state folder of a running server. Checks that the server says so and ends, and that no
/// second one starts meanwhile.
fn assert_loss_ends_the_server(harm: impl FnOnce(&Path) -> std::io::Result<()>, words: &str) {
    let setting = Setting::new();
    let mut server = Server::start(&setting);
    let http = server.http(&setting);
    setting.launch("name: waits\ntimeline:\n  - hang: true\n");
    harm(&setting.home()).unwrap();
    let mut second = setting.ah(&["agent", "access-point", "--port", "0"]);
    let output = second.output().unwrap();
    assert_eq!(output.status.code(), Some(8), "{}", output_text(&output));
    wait_for("the loss to be reported", || {
        let answer = http.get("/ready");
        answer.status == 503 && answer.text().contains(words)
    });
    assert_eq!(server.child.wait().unwrap().code(), Some(8), "{words}");
}

#[test]
fn a_server_that_lost_its_state_ends_and_no_second_one_starts() {
    assert_loss_ends_the_server(|home| fs::write(home.join("state.db"), ""), "was emptied");
    assert_loss_ends_the_server(
        |home| fs::remove_file(home.join("state.db-wal")),
        "write-ahead log",
    );
    assert_loss_ends_the_server(
        |home| {
            fs::rename(home, home.with_extension("moved"))?;
            fs::write(home, "a file")
        },
        "was removed",
    );
    assert_loss_ends_the_server(
        |home| {
            fs::rename(home, home.with_extension("moved"))?;
            fs::create_dir(home.with_extension("other"))?;
            symlink(home.with_extension("other"), home)
        },
        "was removed",
    );
}

#[test]
fn a_second_server_does_not_open_the_store() {
    let setting = Setting::new();
    let server = Server::start(&setting);
    let store = setting.home().join("state.db");
    let moved = setting.home().join("moved.db");
    fs::rename(&store, &moved).unwrap();
    fs::write(&store, "no database").unwrap();
    assert_refused(
        &setting,
        &["agent", "access-point", "--port", "0"],
        "another access point runs",
    );
    fs::rename(&moved, &store).unwrap();
    server.kill();
}
