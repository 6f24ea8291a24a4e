//! The context of the program that starts `ah`: nothing of it reaches an agent.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::server::Server;
use crate::setting::{Setting, git_in, output_text};

/// A scenario whose agent runs a command.
fn scenario(setting: &Setting, command: &str) -> String {
    let command = serde_json::to_string(command).unwrap();
    let path = setting.scenario(&format!(
        "name: context
timeline:
  - agentToolUse: {{ toolName: runCmd, args: {{ cmd: {command} }}, status: ok }}
  - complete: true
"
    ));
    path.to_str().unwrap().to_owned()
}

/// Runs a shell script that ends with `exec ah …`, and returns what the agent's command wrote to
/// the file `context` of its workspace.
fn context_of_an_agent(setting: &Setting, script: &str, command: &str) -> String {
    let scenario = scenario(setting, &format!("{{ {command}; }} > context"));
    let ah = setting.ah(&[]);
    let mut shell = std::process::Command::new("sh");
    let variables = ah
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let output = shell
        .arg("-c")
        .arg(format!(
            "{script}\nexec \"$AH\" task --follow --scenario \"$SCENARIO\" go"
        ))
        .envs(variables)
        .env("AH", ah.get_program())
        .env("SCENARIO", &scenario)
        .current_dir(setting.repository())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", output_text(&output));
    let sessions = setting.json(&["session", "list"]);
    let session = setting.session(sessions["items"][0]["id"].as_str().unwrap());
    let workspace = session["workspace"]["path"].as_str().unwrap();
    fs::read_to_string(Path::new(workspace).join("context")).unwrap()
}

#[test]
fn signals_descriptors_masks_and_limits_are_those_of_a_fresh_process() {
    let setting = Setting::new();
    let seen = context_of_an_agent(
        &setting,
        "trap '' HUP INT QUIT TERM USR1; umask 077; ulimit -S -f 100000; exec 7</dev/null 9</dev/null",
        "grep SigIgn /proc/self/status; umask; echo $(ulimit -S -f) $(ulimit -H -f); ls /proc/self/fd | tr '\\n' ' '; echo; tty",
    );
    let lines: Vec<&str> = seen.lines().collect();
    let [ignored, mask, file_size, descriptors, terminal] = lines[..] else {
        panic!("{seen}");
    };
    let ignored = ignored.split_whitespace().last().unwrap();
    let ignored = u64::from_str_radix(ignored, 16).unwrap();
    // The C library keeps signals 32 and 33 for itself; no program can set their actions.
    assert_eq!(ignored & !(0b11 << 31), 0, "{seen}");
    assert_eq!(mask, "0022");
    let (soft, hard) = file_size.split_once(' ').unwrap();
    assert_eq!(soft, hard, "{seen}");
    // The fourth is the folder that `ls` reads.
    assert_eq!(descriptors.trim(), "0 1 2 3");
    assert_eq!(terminal, "not a tty");
}

#[test]
fn a_server_whose_launcher_ignores_its_children_works_and_ends() {
    let setting = Setting::new();
    let mut server = Server::start_with(&setting, |command| {
        let mut shell = std::process::Command::new("env");
        shell.args(["--ignore-signal=CHLD", "--block-signal=TERM,CHLD"]);
        shell.arg(command.get_program()).args(command.get_args());
        let variables = command.get_envs();
        shell.envs(variables.filter_map(|(name, value)| Some((name, value?))));
        if let Some(folder) = command.get_current_dir() {
            shell.current_dir(folder);
        }
        shell
    });
    let id = setting.launch(
        "name: short
timeline:
  - agentToolUse: {toolName: runCmd, args: {cmd: \"exit 3\"}, status: error}
  - agentEdits: {path: notes.md, linesAdded: 3, linesRemoved: 0}
  - complete: true
",
    );
    let session = setting.finish(&id);
    assert_eq!(session["status"], "completed", "{session:#}");
    assert_eq!(session["changes"]["lines_added"], 3, "{session:#}");
    server.signal(rustix::process::Signal::TERM);
    assert!(server.child.wait().unwrap().success());
}

#[test]
fn variables_of_the_launcher_are_withheld() {
    let setting = Setting::new();
    let seen = context_of_an_agent(
        &setting,
        "export AH_API_KEY=secret GIT_AUTHOR_NAME=launcher NOTIFY_SOCKET=/x MAKEFLAGS=-j9 TMUX=/t OPENAI_API_KEY=k KEPT=yes",
        "env",
    );
    for name in [
        "AH_API_KEY",
        "GIT_AUTHOR_NAME",
        "NOTIFY_SOCKET",
        "MAKEFLAGS",
        "TMUX",
        "OPENAI_API_KEY",
    ] {
        let line = format!("{name}=");
        assert!(
            !seen.lines().any(|it| it.starts_with(&line)),
            "{name}: {seen}"
        );
    }
    assert!(seen.contains("KEPT=yes\n"), "{seen}");
}

#[test]
fn an_agent_launched_from_a_hook_commits_in_its_workspace() {
    let setting = Setting::new();
    let scenario = scenario(
        &setting,
        "echo agent > a.txt && git add -A && git -c user.name=A -c user.email=a@example.org commit -qm 'by the agent'",
    );
    setting.git(&["worktree", "add", "-q", "../linked", "-b", "side"]);
    let linked = setting.folder.path().join("linked");
    let log = setting.folder.path().join("hook.log");
    let hook = setting.repository().join(".git/hooks/post-commit");
    let ah = setting.ah(&[]);
    let script = format!(
        "#!/bin/sh\nexec '{}' task --follow --scenario '{scenario}' review > '{}' 2>&1\n",
        ah.get_program().display(),
        log.display(),
    );
    fs::create_dir_all(hook.parent().unwrap()).unwrap();
    fs::write(&hook, script).unwrap();
    fs::set_permissions(&hook, fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(linked.join("b.txt"), "two\n").unwrap();
    git_in(&linked, &["add", "-A"]);
    let mut commit = std::process::Command::new("git");
    let variables = ah
        .get_envs()
        .filter_map(|(name, value)| Some((name, value?)));
    let output = commit
        .args([
            "-c",
            "user.name=T",
            "-c",
            "user.email=t@example.org",
            "commit",
            "-qm",
            "two",
        ])
        .envs(variables)
        .current_dir(&linked)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", output_text(&output));
    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(
        git_in(&linked, &["log", "-1", "--format=%s"]).trim(),
        "two",
        "{log}"
    );
    assert_eq!(git_in(&linked, &["status", "--short"]), "", "{log}");
    let id = setting.json(&["session", "list"])["items"][0]["id"]
        .as_str()
        .unwrap()
        .to_owned();
    assert_eq!(setting.session(&id)["changes"]["files_changed"], 1, "{log}");
}
