//! A real task on a real repository, with one command.

use std::fs;
use std::process::{Command, Stdio};

use crate::setting::{Follower, Setting, agent_processes, git_in, of_type, output_text, status};

#[test]
fn demo_runs_on_a_repository_and_ends_with_its_diff() {
    let setting = Setting::new();
    let before = state_of(&setting);
    let output = setting
        .ah(&["task", "--agent", "scenario", "--follow", "Take stock"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", output_text(&output));
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("completed"), "{text}");
    assert!(text.contains("diff --git"), "{text}");
    assert!(
        !text.contains('\u{1b}') && !text.contains('\r'),
        "plain when piped: {text}"
    );
    assert_eq!(
        state_of(&setting),
        before,
        "the user's checkout is untouched"
    );
    let id = setting.session_id();
    assert!(agent_processes(&id).is_empty());
}

#[test]
fn session_diff_matches_git_and_can_be_applied() {
    let setting = Setting::new();
    let id = setting.launch(
        "name: changes
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"printf 'one\\ntwo\\n' > new.txt; echo more >> README.md; rm src/main.rs; git add README.md\"}, status: ok}
  - complete: true
",
    );
    let session = setting.finish(&id);
    assert_eq!(session["status"], "completed", "{session:#}");
    let path = session["workspace"]["path"].as_str().unwrap();
    assert_eq!(session["workspace"]["branch"], format!("ah/{id}"));

    // Git's own result: everything staged in a copy, compared with the base.
    let copy = setting.folder.path().join("copy");
    let done = Command::new("cp")
        .arg("-a")
        .arg(path)
        .arg(&copy)
        .status()
        .unwrap();
    assert!(done.success());
    let base = session["repo"]["commit"].as_str().unwrap();
    let index = copy.join("../index");
    let git = |args: &[&str]| {
        let output = Command::new("git")
            .args(args)
            .current_dir(&copy)
            .env("GIT_INDEX_FILE", &index)
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", output_text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    git(&["add", "-A"]);
    let expected = git(&["diff", "--cached", "-M", base]);
    assert_eq!(setting.run(&["session", "diff", &id]), expected);
    assert_eq!(session["changes"]["files_changed"], 3);
    assert_eq!(session["changes"]["lines_added"], 3);
    assert_eq!(session["changes"]["lines_removed"], 1);

    let mut apply = Command::new("git")
        .arg("apply")
        .current_dir(setting.repository())
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut input = apply.stdin.take().unwrap();
    std::io::Write::write_all(&mut input, expected.as_bytes()).unwrap();
    drop(input);
    assert!(apply.wait().unwrap().success());
    assert_eq!(
        fs::read_to_string(setting.repository().join("new.txt")).unwrap(),
        "one\ntwo\n"
    );
}

#[test]
fn work_starts_at_the_given_branch_and_commit() {
    let setting = Setting::new();
    let first = setting.git(&["rev-parse", "HEAD~1"]).trim().to_owned();
    setting.git(&["branch", "old", "HEAD~1"]);
    let file = setting.scenario("name: nothing\ntimeline:\n  - complete: true\n");
    for args in [["--branch", "old"], ["--commit", &first]] {
        let mut all = vec!["task", "--scenario", file.to_str().unwrap()];
        all.extend(args);
        all.push("look");
        let launched = setting.json(&all);
        let session = setting.finish(launched["session_ids"][0].as_str().unwrap());
        assert_eq!(session["repo"]["commit"], first, "{session:#}");
        let path = session["workspace"]["path"].as_str().unwrap();
        assert_eq!(git_in(path.as_ref(), &["rev-parse", "HEAD"]).trim(), first);
    }
}

#[test]
fn permission_is_answered_by_another_process() {
    let setting = Setting::new();
    let file = setting.scenario(
        "name: asks
timeline:
  - agentPermissionRequest:
      toolCall: {toolCallId: t1, title: Remove the readme, kind: execute}
      options:
        - {id: allow, label: Allow, kind: allow_once}
        - {id: reject, label: Reject, kind: reject_once}
      granted: true
  - agentToolUse: {toolName: runCmd, toolCallId: t1, args: {cmd: rm README.md}, status: ok}
  - complete: true
",
    );
    for (answer, removed) in [("allow", true), ("reject", false)] {
        let mut follower = Follower::start(setting.ah(&[
            "task",
            "--follow",
            "--scenario",
            file.to_str().unwrap(),
            "do it",
        ]));
        let asked = follower.until(of_type("permission_request"));
        let id = asked["sessionId"].as_str().unwrap();
        let request = asked["request_id"].as_str().unwrap();
        setting.run(&["session", "answer", id, request, answer]);
        let settled = follower.until(of_type("permission_resolved"));
        assert_eq!(settled["option_id"], answer);
        follower.until(|event| status("completed")(event) || status("failed")(event));
        let session = setting.session(id);
        let path = session["workspace"]["path"].as_str().unwrap();
        let readme = std::path::Path::new(path).join("README.md");
        assert_eq!(!readme.exists(), removed, "{session:#}");
        follower.kill();
    }
}

#[test]
fn prompt_of_another_process_is_delivered_after_the_turn() {
    let setting = Setting::new();
    let file = setting.scenario(
        "name: two turns
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: echo one > one.txt}, status: ok}
  - userInputs: [{relativeTime: 0, input: more}]
  - agentToolUse: {toolName: runCmd, args: {cmd: echo two > two.txt}, status: ok}
",
    );
    let mut follower = Follower::start(setting.ah(&[
        "task",
        "--follow",
        "--interactive",
        "--scenario",
        file.to_str().unwrap(),
        "do it",
    ]));
    let first = follower.until(of_type("tool_result"));
    let id = first["sessionId"].as_str().unwrap().to_owned();
    setting.run(&["session", "prompt", &id, "and now the other"]);
    let message =
        follower.until(|event| event["type"] == "message" && event["delivery"] == "queued");
    assert_eq!(message["content"][0]["text"], "and now the other");
    follower.until(of_type("tool_result"));
    setting.run(&["session", "stop", &id, "--reason", "that was all"]);
    let stopped = follower.until(status("stopped"));
    assert!(stopped["reason"].as_str().unwrap().contains("that was all"));
    let path = setting.session(&id)["workspace"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    assert!(std::path::Path::new(&path).join("two.txt").exists());
    follower.kill();
}

#[test]
fn cancelling_removes_the_workspace_and_its_branch() {
    let setting = Setting::new();
    let id = setting.launch(
        "name: long\ntimeline:\n  - agentToolUse: {toolName: runCmd, args: {cmd: sleep 300}, status: ok}\n",
    );
    let session = setting.session(&id);
    let path = session["workspace"]["path"].as_str().unwrap().to_owned();
    setting.run(&["session", "cancel", &id]);
    assert!(agent_processes(&id).is_empty());
    assert!(!std::path::Path::new(&path).exists());
    assert_eq!(setting.session(&id)["status"], "cancelled");
    assert_eq!(setting.json(&["session", "list"])["total"], 0);
}

impl Setting {
    /// Returns the id of the only session.
    fn session_id(&self) -> String {
        let list = self.json(&["session", "list"]);
        assert_eq!(list["total"], 1, "{list:#}");
        list["items"][0]["id"].as_str().unwrap().to_owned()
    }
}

/// Returns everything in the user's checkout that a session must not change.
fn state_of(setting: &Setting) -> Vec<String> {
    let index = fs::read(setting.repository().join(".git/index")).unwrap();
    let mut state = vec![format!("{index:?}")];
    for args in [
        vec!["status", "--porcelain", "--ignored"],
        vec!["for-each-ref"],
        vec!["worktree", "list"],
        vec!["stash", "list"],
        vec!["config", "--local", "--list"],
    ] {
        state.push(setting.git(&args));
    }
    state
}
