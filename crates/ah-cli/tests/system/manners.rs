//! Messages to people: what a command says while it waits, and after a slip.

use std::process::Output;

use crate::setting::{Setting, output_text, wait_for};

const LONG: &str = "name: long
timeline:
  - hang: true
";

const SHORT: &str = "name: short
timeline:
  - agentEdits: { path: notes.md, linesAdded: 3, linesRemoved: 0 }
  - complete: true
";

fn run(setting: &Setting, words: &[&str]) -> (Option<i32>, String) {
    let output: Output = setting.ah(words).output().unwrap();
    (output.status.code(), output_text(&output))
}

fn assert_says(setting: &Setting, words: &[&str], code: i32, said: &[&str]) {
    let (actual, text) = run(setting, words);
    assert_eq!(actual, Some(code), "ah {words:?}: {text}");
    for part in said {
        assert!(text.contains(part), "ah {words:?}: {part}: {text}");
    }
}

#[test]
fn queued_task_says_what_it_waits_for() {
    let mut setting = Setting::new();
    setting
        .environment
        .push(("AH_MAX_CONCURRENT_TASKS".to_owned(), "1".to_owned()));
    let first = setting.launch(LONG);
    let said = setting.folder.path().join("said");
    for follow in [&[][..], &["--follow"]] {
        let words = [&["task", "--agent", "scenario", "do it"], follow].concat();
        let mut waiting = setting
            .ah(&words)
            .stdout(std::process::Stdio::null())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        wait_for("the reason", || {
            let said = std::fs::read_to_string(&said).unwrap();
            said.contains("is queued until the running session ends")
        });
        waiting.kill().unwrap();
        waiting.wait().unwrap();
    }
    setting.run(&["session", "stop", &first]);
}

#[test]
fn slip_is_answered_with_what_was_probably_meant() {
    let setting = Setting::new();
    let id = setting.launch(SHORT);
    setting.finish(&id);
    // A mistyped session is no file of the latest session.
    assert_says(
        &setting,
        &["session", "diff", "7K2X", "notes.md"],
        1,
        &["neither a session nor a changed file", "ah session list"],
    );
    assert!(
        setting
            .run(&["session", "diff", "notes.md"])
            .contains("+++ b/notes.md")
    );
    // A session without a prompt is no prompt.
    let end = &id[18..];
    let hint = format!("ah session prompt {end} ");
    assert_says(
        &setting,
        &["session", "prompt", end],
        7,
        &["the prompt is missing", &hint],
    );
    let unquoted = ["session", "prompt", end, "and", "now?"];
    let hint = format!("ah session prompt {end} \"and now?\"");
    assert_says(&setting, &unquoted, 7, &[&hint]);
    let unknown = "prompt-01JZ0000000000000000000000";
    let withdraw = ["session", "prompts", &id, "--withdraw", unknown];
    assert_says(
        &setting,
        &withdraw,
        1,
        &[&format!("`ah session prompts {end}`")],
    );
    // Not a word is also an answer.
    assert_says(
        &setting,
        &["logs", &id, "--level", "error"],
        0,
        &["no log lines"],
    );
    // The purpose is reached.
    assert_says(
        &setting,
        &["session", "stop", &id],
        0,
        &["already completed"],
    );
    for option in ["--branch", "--commit"] {
        assert_says(&setting, &["task", option, "-zz", "x"], 7, &[]);
    }
}
