//! The configuration of the command line, its default agent, and the check of an installation.

use std::os::unix::fs::PermissionsExt as _;

use crate::setting::{Setting, output_text};

/// Returns a folder with `git` and these programs, which do nothing.
fn programs(setting: &Setting, names: &[&str]) -> String {
    let folder = setting.folder.path().join("bin");
    std::fs::create_dir_all(&folder).unwrap();
    for name in names {
        let path = folder.join(name);
        std::fs::write(&path, "#!/bin/sh\nexit 1\n").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    format!("{}:/usr/bin:/bin", folder.display())
}

#[test]
fn task_without_an_agent_says_which_one_runs() {
    let mut setting = Setting::new();
    let path = programs(&setting, &[]);
    setting.environment.push(("PATH".to_owned(), path));
    let said = |setting: &Setting| {
        let output = setting.ah(&["task", "--repo", "none", "x"]).output();
        output_text(&output.unwrap())
    };
    let text = said(&setting);
    for words in ["the scripted demo", "`ah agents` shows how to install one"] {
        assert!(text.contains(words), "{text}");
    }
    // An installed agent takes precedence over the demo, and a configured one over it.
    programs(&setting, &["codex-acp"]);
    let text = said(&setting);
    assert!(
        text.contains("codex-acp, the only one that is installed"),
        "{text}"
    );
    let text = output_text(
        &setting
            .ah(&["agents", "--default", "claude"])
            .output()
            .unwrap(),
    );
    assert!(text.contains("did you mean `claude-acp`?"), "{text}");
    let set = setting.json(&["agents", "--default", "scenario"]);
    assert_eq!(set["value"], "scenario", "{set}");
    let text = said(&setting);
    assert!(
        text.contains("the agent is scenario (task.agent, set by "),
        "{text}"
    );
    assert!(text.contains("config.toml"), "{text}");
}

#[test]
fn configuration_is_changed_and_shown_with_its_origin() {
    let setting = Setting::new();
    let file = setting.home().join("config.toml");
    assert_eq!(
        setting.run(&["config", "path"]).trim(),
        file.to_str().unwrap()
    );
    setting.run(&["config", "set", "task.permissions", "deny"]);
    assert_eq!(
        setting.run(&["config", "get", "task.permissions"]),
        "deny\n"
    );
    let shown = setting.json(&["config", "show"]);
    let item = |key: &str| {
        let items = shown["items"].as_array().unwrap();
        items
            .iter()
            .find(|item| item["key"] == key)
            .unwrap()
            .clone()
    };
    assert_eq!(item("task.permissions")["origin"], "file");
    assert_eq!(item("server.port")["origin"], "default");
    for (words, said) in [
        (
            &["config", "set", "task.permissions", "maybe"][..],
            "must be one of ask, allow, deny",
        ),
        (
            &["config", "set", "task.permission", "ask"],
            "did you mean `task.permissions`?",
        ),
        (
            &["config", "get", "nope"],
            "there is no configuration key `nope`",
        ),
    ] {
        let output = setting.ah(words).output().unwrap();
        assert!(!output.status.success(), "{words:?}");
        assert!(
            output_text(&output).contains(said),
            "{}",
            output_text(&output)
        );
    }
    // A fault names its file, and can be mended.
    std::fs::write(&file, "[task]\nfollow = \"always\"\n").unwrap();
    let text = output_text(&setting.ah(&["ls"]).output().unwrap());
    assert!(
        text.contains(&format!("{} sets `task.follow`", file.display())),
        "{text}"
    );
    setting.run(&["config", "set", "task.follow", "false"]);
    setting.run(&["ls"]);
    // An option of a command is overridden by a variable, and that by the option itself.
    setting.run(&["config", "unset", "task.follow"]);
    let output = setting
        .ah(&["ls"])
        .env("AH_TASK_FOLLOW", "maybe")
        .output()
        .unwrap();
    let text = output_text(&output);
    assert!(
        text.contains("the environment variable AH_TASK_FOLLOW sets"),
        "{text}"
    );
}

#[test]
fn doctor_names_each_fault_with_its_remedy() {
    let setting = Setting::new();
    let checks = setting.json(&["doctor"]);
    let status = |checks: &serde_json::Value, name: &str| {
        let all = checks["checks"].as_array().unwrap();
        let check = all.iter().find(|check| check["name"] == name).unwrap();
        check["status"].as_str().unwrap().to_owned()
    };
    for name in ["version", "git", "state", "configuration", "access point"] {
        assert_eq!(status(&checks, name), "ok", "{checks}");
    }
    // The disk of this host may be nearly full.
    assert!(
        ["ok", "warning"].contains(&status(&checks, "disk").as_str()),
        "{checks}"
    );
    // Without git, and with a configuration that cannot be read.
    let empty = setting.folder.path().join("empty");
    std::fs::create_dir(&empty).unwrap();
    setting.run(&["config", "set", "server.port", "1"]);
    std::fs::write(setting.home().join("config.toml"), "port = = 1\n").unwrap();
    let output = setting
        .ah(&["doctor"])
        .env("PATH", &empty)
        .output()
        .unwrap();
    let text = output_text(&output);
    assert_eq!(output.status.code(), Some(8), "{text}");
    for words in ["✗ git: git cannot be run", "apt install git", "config.toml"] {
        assert!(text.contains(words), "{text}");
    }
}
