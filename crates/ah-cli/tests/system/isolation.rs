//! Agents that leave something for other sessions, or for the end of their own.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::setting::{Setting, git_in};

/// The maximum duration of a session in these tests. Its agent needs a moment.
const PROMPTLY: Duration = Duration::from_secs(45);

/// Runs a session whose agent runs these commands, and returns it.
fn session(setting: &Setting, commands: &str) -> Value {
    let scenario = json!({
        "name": "hostile",
        "timeline": [
            {"agentToolUse": {"toolName": "runCmd", "args": {"cmd": commands}}},
            {"complete": true},
        ],
    });
    let id = setting.launch(&scenario.to_string());
    setting.finish(&id)
}

fn workspace(session: &Value) -> PathBuf {
    session["workspace"]["path"].as_str().unwrap().into()
}

fn diff(setting: &Setting, session: &Value) -> String {
    setting.run(&["session", "diff", session["id"].as_str().unwrap()])
}

/// Returns the warnings in the log of a session.
fn warnings(setting: &Setting, session: &Value) -> String {
    let log = setting.log(session["id"].as_str().unwrap());
    let warnings = log.iter().filter(|event| event["level"] == "warn");
    let messages = warnings.map(|event| event["message"].as_str().unwrap());
    messages.collect::<Vec<_>>().join("\n")
}

#[test]
fn nothing_of_one_session_reaches_another() {
    let setting = Setting::new();
    let before = setting.git(&["for-each-ref"]);
    let first = session(
        &setting,
        "set -e; echo A >README.md; git stash -q; git config user.email a@evil; \
         echo '*.log' >.git/info/exclude; git config filter.f.clean 'sed s/^/evil:/'; \
         mkdir -p .git/hooks; printf '#!/bin/sh\\nexit 1\\n' >.git/hooks/pre-commit; \
         chmod +x .git/hooks/pre-commit; echo evil >evil.sh; git add .; \
         git commit -q --no-verify -m e; git replace HEAD~1 HEAD; git tag evil; \
         git branch -f main HEAD",
    );
    assert_eq!(first["status"], "completed", "{first}");
    assert!(diff(&setting, &first).contains("+evil\n"));
    // The next session, also after the first one was removed.
    for _ in 0..2 {
        let next = session(
            &setting,
            "test ! -e evil.sh || exit 1; git stash list; echo l >b.log; \
             echo '*.txt filter=f' >.gitattributes; echo hi >c.txt; git add . && git commit -qm x",
        );
        let shown = diff(&setting, &next);
        for part in ["b.log", "+hi\n", ".gitattributes"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("evil"), "{shown}");
        let path = workspace(&next);
        assert_eq!(
            git_in(&path, &["log", "-1", "--format=%ae"]),
            "u@example.org\n"
        );
        assert_eq!(git_in(&path, &["stash", "list"]), "");
        assert_eq!(git_in(&path, &["tag"]), "");
        setting.run(&["session", "cancel", first["id"].as_str().unwrap()]);
    }
    assert_eq!(setting.git(&["for-each-ref"]), before);
    assert_eq!(setting.git(&["status", "--porcelain"]), "");
}

#[test]
fn an_end_is_prompt_whatever_the_agent_leaves() {
    let mut setting = Setting::new();
    let one_slot = ("AH_MAX_CONCURRENT_TASKS".to_owned(), "1".to_owned());
    setting.environment.push(one_slot);
    let commands = "mkfifo .gitignore .gitattributes pipe; rm .git/index; mkfifo .git/index; \
                    git init -q nested; echo n >nested/file; echo work >work.txt; \
                    truncate -s 10G model.bin; rm README.md; mkfifo README.md";
    let began = Instant::now();
    let first = session(&setting, commands);
    assert_eq!(first["status"], "completed", "{first}");
    assert!(began.elapsed() < PROMPTLY, "{:?}", began.elapsed());
    let files = setting.run(&["session", "files", first["id"].as_str().unwrap()]);
    for name in ["work.txt", "nested/file", "README.md"] {
        assert!(files.contains(name), "{files}");
    }
    let warnings = warnings(&setting, &first);
    for part in ["`model.bin`", "`pipe`", "`nested`", "over 32 MiB"] {
        assert!(warnings.contains(part), "{warnings}");
    }
    let next = session(&setting, "true");
    assert_eq!(next["status"], "completed");
    assert!(began.elapsed() < PROMPTLY * 2, "{:?}", began.elapsed());
}

#[test]
fn removal_of_the_workspace_fails_its_session_alone() {
    let mut setting = Setting::new();
    // An agent in a sandbox can empty its workspace, but not remove it.
    let emptied = session(&setting, "rm -rf \"$PWD\"; test -d \"$PWD\"");
    assert_eq!(emptied["status"], "completed", "{emptied}");
    let shown = diff(&setting, &emptied);
    assert!(shown.contains("-# A project\n"), "{shown}");
    let without = ("AH_SANDBOX_PROFILE".to_owned(), "disabled".to_owned());
    setting.environment.push(without);
    let first = session(&setting, "rm -rf \"$PWD\"");
    assert_eq!(first["workspace"]["isolation"]["profile"], "disabled");
    assert_eq!(first["status"], "failed", "{first}");
    let reason = first["reason"].as_str().unwrap();
    assert!(reason.contains("no longer exists"), "{reason}");
    let next = session(&setting, "echo x >x");
    assert_eq!(next["status"], "completed", "{next}");
    assert!(diff(&setting, &next).contains("+x\n"));
}

#[test]
fn a_damaged_copy_of_the_repository_is_made_again() {
    let setting = Setting::new();
    let first = session(&setting, "true");
    // In its sandbox, no agent can do that.
    let borrowed = workspace(&first).join(".git/objects/info/alternates");
    let objects = PathBuf::from(fs::read_to_string(borrowed).unwrap().trim_end());
    let mirror = objects.parent().unwrap();
    git_in(mirror, &["config", "core.repositoryFormatVersion", "99"]);
    fs::remove_dir_all(&objects).unwrap();
    let next = session(
        &setting,
        "echo x >x; git fsck && git add . && git commit -qm x",
    );
    assert_eq!(next["status"], "completed", "{next}");
    let log = setting.log(next["id"].as_str().unwrap());
    let says = |event: &&Value| {
        let message = event["message"].as_str().unwrap_or_default();
        message.contains("copy of the repository was damaged")
    };
    assert_eq!(log.iter().filter(says).count(), 1, "{log:?}");
    assert_eq!(
        git_in(&workspace(&next), &["log", "-1", "--format=%s"]),
        "x\n"
    );
    // The first one can be read again.
    let shown = setting.run(&["session", "diff", first["id"].as_str().unwrap()]);
    assert_eq!(shown, "");
}

#[test]
fn work_of_a_session_outlives_its_folder() {
    let setting = Setting::new();
    let made = session(
        &setting,
        "echo one >one.txt; git add . && git commit -qm One; git switch -qc other; \
         echo two >two.txt; git add . && git commit -qm Two; echo three >three.txt",
    );
    let id = made["id"].as_str().unwrap();
    fs::remove_dir_all(workspace(&made)).unwrap();
    let shown = diff(&setting, &made);
    for name in ["one.txt", "two.txt", "three.txt"] {
        assert!(shown.contains(name), "{shown}");
    }
    setting.run(&["session", "checkout", id]);
    assert!(setting.repository().join("three.txt").exists());
    let store = workspace(&made).with_extension("git");
    let log = git_in(&store, &["log", "--format=%s", "-2", "other"]);
    assert_eq!(log, "Two\nOne\n");
}
