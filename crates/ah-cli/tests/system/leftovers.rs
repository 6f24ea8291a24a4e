//! The files, control groups and processes that remain after kills, counted.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::json;

use crate::kills::Random;
use crate::server::Server;
use crate::setting::{Process, Setting, agent_processes, git_in, wait_for};

/// The number of sessions.
const SESSIONS: usize = 12;

/// An agent with processes in other sessions of setsid(2), one of which clears its environment.
const UNTIDY: &str = "setsid sleep 300 & env -i setsid sleep 301 & touch ready; sleep 302";

/// Returns the recorder of a session, if it runs.
fn recorder(setting: &Setting, id: &str) -> Option<Process> {
    let folder = setting.home().join("sessions").join(id);
    let folder = folder.to_str().unwrap();
    fs::read_dir("/proc").unwrap().find_map(|entry| {
        let pid = entry.ok()?.file_name().to_str()?.parse().ok()?;
        let command = fs::read_to_string(format!("/proc/{pid}/cmdline")).ok()?;
        command.contains(folder).then(|| Process::of(pid))?
    })
}

/// Returns all files and folders below `folder`, without following links.
fn all_below(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            }
            found.push(entry.path());
        }
    }
    found
}

/// Returns the control groups of these sessions, wherever the host mounts them.
fn groups_of(ids: &[String]) -> Vec<PathBuf> {
    let is_of = |path: &PathBuf| ids.iter().any(|id| path.ends_with(format!("ah-{id}")));
    let groups = all_below(Path::new("/sys/fs/cgroup"));
    groups.into_iter().filter(is_of).collect()
}

/// Returns everything in the state folder that an ended session must not leave. The worktrees of
/// sessions that were not cancelled are kept, and so are the logs of failed ones.
fn leftovers(setting: &Setting, ended: &[(String, String)]) -> Vec<PathBuf> {
    let home = setting.home();
    let mut left = all_below(&home.join("sessions"));
    left.retain(|path| {
        !ended.iter().any(|(id, status)| {
            let folder = home.join("sessions").join(id);
            status == "failed" && (*path == folder || *path == folder.join("recorder.log"))
        })
    });
    let is_kept = |path: &Path| {
        ended.iter().any(|(id, status)| {
            let name = path.file_name().unwrap().to_str().unwrap();
            status != "cancelled" && name.split('.').next() == Some(id)
        })
    };
    let entries = fs::read_dir(home.join("worktrees")).into_iter().flatten();
    left.extend(
        entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| !is_kept(path)),
    );
    let is_temporary = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".new") || name.starts_with(".new-") || name.ends_with(".tmp")
    };
    left.extend(all_below(&home).into_iter().filter(is_temporary));
    let mirrors = fs::read_dir(home.join("repos"))
        .into_iter()
        .flatten()
        .flatten();
    for mirror in mirrors
        .map(|entry| entry.path())
        .filter(|path| path.is_dir())
    {
        let registered = fs::read_dir(mirror.join("worktrees")).into_iter().flatten();
        let registered = registered.map(|entry| entry.unwrap().path());
        left.extend(registered.filter(|path| !is_kept(path)));
        let refs = git_in(&mirror, &["for-each-ref", "--format=%(refname)"]);
        let cancelled = ended.iter().filter(|(_, status)| status == "cancelled");
        for (id, _) in cancelled {
            assert!(!refs.contains(id.as_str()), "{refs}");
        }
    }
    left
}

#[test]
fn killed_recorders_and_servers_leave_nothing_behind() {
    let setting = Setting::new();
    let mut random = Random::new();
    let mut server = Server::start(&setting);
    let mut ids = Vec::new();
    for number in 0..SESSIONS {
        let scenario = json!({
            "name": "untidy",
            "timeline": [{"agentToolUse": {"toolName": "runCmd", "args": {"cmd": UNTIDY}}}],
        });
        let task = json!({
            "prompt": "do it",
            "repo": {"mode": "git", "url": setting.repository()},
            "agents": [{"type": "scenario", "settings": {"scenario": scenario}}],
        });
        let launched = server
            .http(&setting)
            .post("/api/v1/tasks", &task)
            .expect(201);
        let id = launched["session_ids"][0].as_str().unwrap().to_owned();
        // From before the start of the recorder to the middle of the agent's work.
        std::thread::park_timeout(random.milliseconds(600));
        match number % 4 {
            // The recorder alone, the recorder and the server, the recorder of a session that is
            // cancelled meanwhile, and the server alone.
            0 => recorder(&setting, &id).iter().for_each(|it| it.kill()),
            1 => {
                let recorder = recorder(&setting, &id);
                let port = server.kill();
                recorder.iter().for_each(|it| it.kill());
                server = Server::start_at(&setting, port);
            }
            2 => {
                let path = format!("/api/v1/sessions/{id}");
                let ask = server.http(&setting).ask("DELETE", &path);
                let sent = ask.write();
                recorder(&setting, &id).iter().for_each(|it| it.kill());
                drop(sent);
            }
            _ => server = server.replace(&setting),
        }
        ids.push(id);
    }
    let ended: Vec<(String, String)> = ids
        .iter()
        .map(|id| {
            // A session whose recorder was not hit is killed again.
            wait_for("its end", || {
                recorder(&setting, id).iter().for_each(|it| it.kill());
                let status = setting.session(id)["status"].clone();
                ["failed", "cancelled", "stopped", "completed"]
                    .iter()
                    .any(|it| status == *it)
            });
            let status = setting.session(id)["status"].as_str().unwrap().to_owned();
            (id.clone(), status)
        })
        .collect();
    for id in &ids {
        assert!(agent_processes(id).is_empty(), "{id}");
    }
    let patience = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let left = (leftovers(&setting, &ended), groups_of(&ids));
        if left == (Vec::new(), Vec::new()) {
            break;
        }
        assert!(
            std::time::Instant::now() < patience,
            "{left:#?}\n{ended:#?}"
        );
        std::thread::park_timeout(Duration::from_millis(50));
    }
    server.end();
}

#[test]
fn a_new_server_removes_what_a_killed_one_left_of_ended_sessions() {
    let setting = Setting::new();
    let id = setting.launch("name: short\ntimeline:\n  - complete: true\n");
    assert_eq!(setting.finish(&id)["status"], "completed");
    let folder = setting.home().join("sessions").join(&id);
    // The command that saw the end may have exited before it removed the folder.
    wait_for("its recorder to end", || recorder(&setting, &id).is_none());
    // The state of a server that was killed right after the end of the session.
    fs::create_dir_all(folder.join("home/deeper")).unwrap();
    for name in [
        "journal.jsonl",
        "recorder.lock",
        "recorder.log",
        "launch.json.1-0.new",
    ] {
        fs::write(folder.join(name), "x").unwrap();
    }
    // Files of a session that the store does not know are kept.
    let unknown = setting.home().join("sessions/01K6MEHQ414EWWTRK7MC0M606M");
    fs::create_dir_all(&unknown).unwrap();
    fs::write(unknown.join("journal.jsonl"), "x").unwrap();
    let server = Server::start(&setting);
    wait_for("the leftovers to be removed", || !folder.exists());
    assert!(unknown.join("journal.jsonl").exists());
    server.end();
}
