//! Commits of agents: the identity, hooks and signatures of the user's repository.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::Value;

use crate::setting::{Setting, git_in};

/// A setting whose user has a home, and this configuration for all repositories.
fn setting_with(config: &str) -> Setting {
    let mut setting = Setting::new();
    let home = setting.folder.path().join("user");
    fs::create_dir(&home).unwrap();
    fs::write(setting.git_config(), config).unwrap();
    for (name, value) in [("HOME", home.to_str().unwrap()), ("EMAIL", "")] {
        setting
            .environment
            .push((name.to_owned(), value.to_owned()));
    }
    setting
}

/// Runs an agent that commits in its workspace. Returns the session, and the authors of its commits.
fn commit_of_an_agent(setting: &Setting) -> (Value, String) {
    let id = setting.launch(
        "name: commits
timeline:
  - agentToolUse:
      toolName: runCmd
      args: {cmd: \"echo agent >a.txt && git add -A && git commit -qm work\"}
      status: ok
  - complete: true
",
    );
    let session = setting.finish(&id);
    let workspace = session["workspace"]["path"].as_str().unwrap();
    let authors = git_in(
        workspace.as_ref(),
        &["log", "--format=%an <%ae>, %cn <%ce>", "origin/main..HEAD"],
    );
    (session, authors.trim().to_owned())
}

/// Returns the sentences of the session's log about its commits.
fn notes(setting: &Setting, session: &Value) -> Vec<String> {
    let log = setting.log(session["id"].as_str().unwrap());
    log.iter()
        .filter(|event| event["type"] == "log")
        .map(|event| event["message"].as_str().unwrap().to_owned())
        .filter(|message| {
            ["commits", "hooks"]
                .iter()
                .any(|word| message.contains(word))
        })
        .collect()
}

#[test]
fn an_agent_commits_with_the_identity_of_the_repository() {
    let setting = setting_with("");
    setting.git(&["config", "--local", "user.name", "Here"]);
    setting.git(&["config", "--local", "user.email", "h@example.org"]);
    // None of the user's hooks decides about a commit of an agent.
    setting.git(&["config", "--local", "core.hooksPath", ".husky"]);
    let hooks = setting.repository().join(".husky");
    fs::create_dir(&hooks).unwrap();
    fs::write(hooks.join("pre-commit"), "#!/bin/sh\nexit 1\n").unwrap();
    fs::set_permissions(hooks.join("pre-commit"), Permissions::from_mode(0o755)).unwrap();
    setting.git(&["-c", "core.hooksPath=/dev/null", "add", "-A"]);
    setting.git(&[
        "-c",
        "core.hooksPath=/dev/null",
        "commit",
        "-qm",
        "Add a hook",
    ]);
    let (session, authors) = commit_of_an_agent(&setting);
    assert_eq!(authors, "Here <h@example.org>, Here <h@example.org>");
    let notes = notes(&setting, &session);
    let [note] = &notes[..] else {
        panic!("{notes:?}");
    };
    assert!(note.contains("`core.hooksPath` is `.husky`"), "{note}");
}

#[test]
fn an_agent_commits_with_a_stated_identity_if_none_is_configured() {
    let setting = setting_with("");
    let (session, authors) = commit_of_an_agent(&setting);
    let stated = "Agent Harbor <agent-harbor@localhost>";
    assert_eq!(authors, format!("{stated}, {stated}"));
    let notes = notes(&setting, &session);
    let [note] = &notes[..] else {
        panic!("{notes:?}");
    };
    assert!(note.contains("`Agent Harbor`"), "{note}");
    assert!(note.contains("`agent-harbor@localhost`"), "{note}");
}

#[test]
fn an_agent_commits_with_the_identity_and_the_hooks_of_its_user() {
    let setting = setting_with(
        "[user]\nname = Everywhere\nemail = e@example.org\n[core]\nhooksPath = ~/hooks\n",
    );
    let hooks = setting.folder.path().join("user/hooks");
    fs::create_dir(&hooks).unwrap();
    let hook = "#!/bin/sh\ntouch ran\n";
    fs::write(hooks.join("pre-commit"), hook).unwrap();
    fs::set_permissions(hooks.join("pre-commit"), Permissions::from_mode(0o755)).unwrap();
    let (session, authors) = commit_of_an_agent(&setting);
    assert_eq!(
        authors,
        "Everywhere <e@example.org>, Everywhere <e@example.org>"
    );
    assert_eq!(notes(&setting, &session), [""; 0]);
    let workspace = Path::new(session["workspace"]["path"].as_str().unwrap());
    assert!(workspace.join("ran").exists());
}
