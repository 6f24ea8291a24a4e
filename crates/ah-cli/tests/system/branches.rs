//! The start of a session in a repository, and its work as a branch of the repository.

use std::fs;
use std::process::Output;

use crate::setting::{Setting, git_in, output_text};

const WORK: &str = "name: work
timeline:
  - agentToolUse:
      toolName: runCmd
      args: { cmd: \"echo one > one.txt && git add one.txt && git commit -qm One && echo two > two.txt\" }
  - complete: true
";

fn run(setting: &Setting, words: &[&str]) -> (Option<i32>, String) {
    let output: Output = setting.ah(words).output().unwrap();
    (output.status.code(), output_text(&output))
}

/// Runs the scenario with these options to its end and returns the session's id.
fn session(setting: &Setting, options: &[&str]) -> String {
    let file = setting.scenario(WORK);
    let task = ["task", "--scenario", file.to_str().unwrap(), "Do it\nwell"];
    let launched = setting.json(&[&task[..], options].concat());
    let id = launched["session_ids"][0].as_str().unwrap().to_owned();
    assert_eq!(setting.finish(&id)["status"], "completed");
    id
}

#[test]
fn wrong_start_is_refused_before_the_launch() {
    let setting = Setting::new();
    for (options, said) in [
        (
            &["--branch", "nope"][..],
            &["has no branch `nope`", "its branches are main"][..],
        ),
        (&["--commit", "zzz"], &["--commit zzz names no commit"]),
        (&["--commit", "HEAD~9"], &["names no commit"]),
    ] {
        let (code, text) = run(&setting, &[&["task", "x"], options].concat());
        assert_eq!(code, Some(7), "{text}");
        for part in said {
            assert!(text.contains(part), "{text}");
        }
    }
    assert_eq!(setting.json(&["ls", "--all"])["total"], 0);
    // Any revision names a commit.
    setting.git(&["tag", "first", "HEAD~1"]);
    let first = setting.git(&["rev-parse", "HEAD~1"]);
    for revision in ["first", "HEAD~1"] {
        let id = session(&setting, &["--commit", revision]);
        assert_eq!(setting.session(&id)["repo"]["commit"], first.trim());
    }
}

#[test]
fn uncommitted_changes_are_announced_or_taken_along() {
    let setting = Setting::new();
    let repository = setting.repository();
    fs::write(repository.join("README.md"), "# Changed\n").unwrap();
    fs::write(repository.join("new.txt"), "new\n").unwrap();
    let before = (
        setting.git(&["status", "--porcelain"]),
        setting.git(&["show-ref"]),
    );
    let file = setting.scenario(WORK);
    let task = ["task", "--scenario", file.to_str().unwrap(), "x"];
    let (_, text) = run(&setting, &task);
    let warning = "warning: 2 uncommitted files of ";
    assert!(
        text.contains(warning) && text.contains("--with-changes"),
        "{text}"
    );

    let id = session(&setting, &["--with-changes"]);
    let workspace = setting.session(&id)["workspace"]["path"]
        .as_str()
        .unwrap()
        .to_owned();
    let read = |name: &str| fs::read_to_string(format!("{workspace}/{name}")).unwrap();
    assert_eq!(read("README.md"), "# Changed\n");
    assert_eq!(read("new.txt"), "new\n");
    // The diff has the agent's changes only, and applies to the changed checkout.
    let files = setting.run(&["session", "files", &id]);
    assert!(
        files.contains("one.txt") && !files.contains("new.txt"),
        "{files}"
    );
    let after = (
        setting.git(&["status", "--porcelain"]),
        setting.git(&["show-ref"]),
    );
    assert_eq!(before, after, "the checkout is never changed");
}

#[test]
fn work_of_a_session_is_checked_out_as_a_branch() {
    let setting = Setting::new();
    let id = session(&setting, &[]);
    let made = setting.json(&["session", "checkout", &id, "--no-switch"]);
    let branch = format!("ah/{id}");
    assert_eq!(made["branch"], branch.as_str(), "{made}");
    assert_eq!(setting.git(&["branch", "--show-current"]).trim(), "main");
    // Again, now with the switch.
    setting.run(&["session", "checkout"]);
    assert_eq!(setting.git(&["branch", "--show-current"]).trim(), branch);
    let log = setting.git(&["log", "--format=%s", "main.."]);
    assert_eq!(
        log, "Do it\nOne\n",
        "what was not committed is a commit on top"
    );
    for name in ["one.txt", "two.txt"] {
        assert!(setting.repository().join(name).exists(), "{name}");
    }
    assert_eq!(setting.git(&["status", "--porcelain"]), "");
    // Another repository does not have the start.
    let other = setting.folder.path().join("other");
    fs::create_dir(&other).unwrap();
    git_in(&other, &["init", "-q"]);
    let mut command = setting.ah(&["session", "checkout", &id]);
    let output = command.current_dir(&other).output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", output_text(&output));
    assert!(output_text(&output).contains("does not contain the commit"));
    // A branch with other commits is not moved.
    setting.git(&["switch", "-q", "main"]);
    setting.git(&["branch", "taken"]);
    let (code, text) = run(&setting, &["session", "checkout", &id, "--branch", "taken"]);
    assert!(code == Some(1) && text.contains("--branch NAME"), "{text}");
}

#[test]
fn prompt_for_an_ended_session_continues_its_work_in_a_new_one() {
    let setting = Setting::new();
    let id = session(&setting, &[]);
    let (code, text) = run(&setting, &["session", "prompt", "and now?"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(
        text.contains("has ended (completed)") && text.contains("--continue"),
        "{text}"
    );
    let new = setting.json(&["session", "prompt", "--continue", "and now?"]);
    let new = new["session_ids"][0].as_str().unwrap();
    assert_ne!(new, id);
    let session = setting.finish(new);
    assert_eq!(session["prompt"], "and now?");
    let workspace = session["workspace"]["path"].as_str().unwrap();
    let two = fs::read_to_string(format!("{workspace}/two.txt")).unwrap();
    assert_eq!(two, "two\n", "the files of the old session are there");
}

#[test]
fn failure_is_json_if_json_is_requested() {
    let setting = Setting::new();
    for (words, code) in [
        (&["session", "get", "ZZZZ", "--json"][..], 1),
        (&["session", "frobnicate", "--json"], 7),
        (&["task", "a", "b", "--json"], 7),
    ] {
        let output = setting.ah(words).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{}", output_text(&output));
        assert_eq!(output.stdout, b"", "{words:?}");
        let text = String::from_utf8(output.stderr).unwrap();
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["error"]["exitCode"], code, "{text}");
        assert!(
            json["error"]["message"].as_str().unwrap().len() > 5,
            "{text}"
        );
    }
}

#[test]
fn unknown_entry_of_a_scenario_is_a_warning() {
    let setting = Setting::new();
    let file = setting.scenario(
        "name: typo
timeline:
  - agentEdit: { path: a.txt, linesAdded: 1, linesRemoved: 0 }
  - setMode: { modeId: plan }
  - complete: true
",
    );
    let (_, text) = run(
        &setting,
        &["task", "--scenario", file.to_str().unwrap(), "x"],
    );
    let warning = "the entry `agentEdit` at timeline[0] of the scenario is unknown and not played; \
                   did you mean `agentEdits`?";
    assert!(text.contains(warning), "{text}");
    assert!(!text.contains("setMode"), "{text}");
    setting.finish(setting.json(&["session", "get"])["id"].as_str().unwrap());
    let log = setting.run(&["logs", "--level", "warn"]);
    assert!(log.contains("not played: agentEdit"), "{log}");
}
