use clap::Parser;

use super::*;
use crate::args::{Cli, Command, PolicyArg};
use crate::environment::CommandSettings;

fn params(words: &[&str]) -> Result<TaskLaunchParams, String> {
    let cli = Cli::try_parse_from(["ah", "task"].iter().chain(words)).expect("is well formed");
    let Command::Task(args) = cli.command else {
        panic!("it is a task");
    };
    let settings =
        CommandSettings::of(&[("AH_TASK_PERMISSIONS", "allow"), ("AH_TASK_TIMEOUT", "5m")]);
    let request = TypedTask::read(&args).map_err(|failure| failure.to_string())?;
    let agent = request.agent.as_deref().unwrap_or("preferred");
    let params = request.params(agent, &args, &settings);
    params.map_err(|failure| failure.to_string())
}

#[test]
fn every_option_reaches_the_request() {
    let params = params(&[
        "--repo",
        "https://example.org/a",
        "--branch",
        "main",
        "--commit",
        "0123abcd",
        "--agent",
        "codex@1.2",
        "--model",
        "m",
        "--instances",
        "3",
        "--label",
        "a=b",
        "--priority",
        "high",
        "--interactive",
        "--timeout",
        "30m",
        "--permissions",
        "deny",
        "do it",
    ])
    .expect("is valid");
    let body = serde_json::to_value(params.request()).expect("serializes");
    assert_eq!(
        body,
        serde_json::json!({
            "prompt": [{"type": "text", "text": "do it"}],
            "repo": {
                "mode": "git", "url": "https://example.org/a", "branch": "main",
                "commit": "0123abcd",
            },
            "runtime": {"type": "local"},
            "agents": [{"type": "codex", "version": "1.2", "model": "m", "count": 3}],
            "labels": {"a": "b"},
            "priority": "high",
            "interactive": true,
            "timeoutMs": 1_800_000,
            "permissions": {"default": "deny", "onTimeout": "deny", "timeoutMs": 600_000},
        })
    );
}

#[test]
fn absent_options_come_from_the_configuration() {
    let params = params(&["--repo", "none", "do it"]).expect("is valid");
    let request = params.request();
    assert_eq!(request.repo, RepoConfig::none());
    assert_eq!(request.agents[0].agent_type.as_str(), "preferred");
    let allow = PermissionPolicy::without_rules(PolicyArg::Allow.into());
    assert_eq!(request.permissions, allow);
    assert_eq!(request.timeout_ms, Some(300_000));
}

#[test]
fn scenario_is_validated_and_sent() {
    let folder = tempfile::tempdir().expect("a folder can be made");
    let path = folder.path().join("scenario.yaml");
    let file = path.to_str().expect("is UTF-8");
    std::fs::write(&path, "name: short\ntimeline:\n  - complete: true\n").expect("is written");
    let carried = params(&["--repo", "none", "--scenario", file, "x"]).expect("is valid");
    let agent = &carried.request().agents[0];
    assert_eq!(agent.agent_type.as_str(), "scenario");
    assert_eq!(agent.settings["scenario"]["name"], "short");

    std::fs::write(&path, "timeline: []\n").expect("is written");
    let refused = params(&["--repo", "none", "--scenario", file, "x"]).expect_err("has no name");
    assert!(refused.contains("name"), "{refused}");
    let other = params(&[
        "--repo",
        "none",
        "--agent",
        "codex",
        "--scenario",
        file,
        "x",
    ]);
    assert!(other.is_err());
}

#[test]
fn invalid_tasks_are_rejected_before_any_connection() {
    let refused = params(&["--repo", "none", "--branch", "main", "x"]).expect_err("no branch");
    assert!(refused.starts_with("--branch, --commit and"), "{refused}");
    assert_eq!(
        params(&["--repo", "none", " "]).expect_err("says nothing"),
        "the prompt must not be empty"
    );
    assert_eq!(
        params(&["--repo", "none", "--instances", "0", "x"]).expect_err("is none"),
        "--instances must be from 1 to 100"
    );
}
