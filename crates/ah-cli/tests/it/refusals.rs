//! Refused commands, with their messages and exit codes.

use std::process::Stdio;

use crate::ah::World;

#[test]
fn invalid_command_line() {
    let world = World::new();
    insta::assert_snapshot!("no_prompt", world.run(&["task"]));
    insta::assert_snapshot!("unknown_option", world.run(&["task", "--agnet", "x", "y"]));
    insta::assert_snapshot!(
        "unknown_status",
        world.run(&["session", "list", "--status", "done"])
    );
    insta::assert_snapshot!(
        "unquoted_prompt",
        world.run(&["task", "Fix", "the", "bug", "--follow"])
    );
    insta::assert_snapshot!("unknown_command", world.run(&["status"]));
    insta::assert_snapshot!(
        "unknown_session_command",
        world.run(&["session", "frobnicate"])
    );
    insta::assert_snapshot!("nothing_to_say", world.run(&["session", "prompt"]));
    insta::assert_snapshot!("bad_duration", world.run(&["task", "--timeout", "30", "x"]));
}

#[test]
fn folder_outside_of_a_repository() {
    let world = World::new();
    insta::assert_snapshot!("not_a_repository", world.run(&["task", "do it"]));
    insta::assert_snapshot!(
        "no_such_repository",
        world.run(&["task", "--repo", "no/such/folder", "do it"])
    );
}

#[test]
fn invalid_task() {
    let world = World::new();
    let run = |words: &[&str]| {
        let mut all = vec!["task", "--repo", "none"];
        all.extend(words);
        world.run(&all)
    };
    insta::assert_snapshot!("empty_prompt", run(&["  "]));
    insta::assert_snapshot!("branch_of_nothing", run(&["--branch", "main", "x"]));
    insta::assert_snapshot!(
        "no_scenario_file",
        run(&["--scenario", "missing.yaml", "x"])
    );
    std::fs::write(
        world.folder().join("bad.yaml"),
        "name: bad\ntimeline:\n  - agentEdits: 3\n",
    )
    .expect("is written");
    insta::assert_snapshot!("bad_scenario", run(&["--scenario", "bad.yaml", "x"]));
    // None of them opened the state folder.
    assert!(!world.folder().join("state").exists());
}

#[test]
fn invalid_environment() {
    let world = World::new();
    let run = |name: &str, value: &str| {
        let mut command = world.command(&["session", "list"]);
        world.shown(&command.env(name, value).output().expect("the binary runs"))
    };
    insta::assert_snapshot!("bad_number", run("AH_MAX_CONCURRENT_TASKS", "many"));
    insta::assert_snapshot!("bad_log", run("AH_LOG", "ah=loudest"));
    insta::assert_snapshot!("bad_home", run("AH_HOME", "/proc/nowhere"));
    insta::assert_snapshot!("relative_home", run("AH_HOME", "state"));
    let mut command = world.command(&["session", "list"]);
    let output = command.env_remove("AH_HOME").env_remove("HOME").output();
    insta::assert_snapshot!("no_home", world.shown(&output.expect("the binary runs")));
}

#[test]
fn missing_session() {
    let world = World::new();
    insta::assert_snapshot!("no_session_yet", world.run(&["session", "get"]));
    insta::assert_snapshot!("no_such_session", world.run(&["session", "get", "ZZZZ"]));
    insta::assert_snapshot!("not_an_id", world.run(&["session", "get", "x"]));
    insta::assert_snapshot!("empty_list", world.run(&["session", "list"]));
    insta::assert_snapshot!("empty_list_json", world.run(&["session", "list", "--json"]));
}

#[test]
fn many_agents_are_launched_only_after_an_answer() {
    let world = World::new();
    let many = ["task", "--repo", "none", "--instances", "6", "do it"];
    insta::assert_snapshot!("many_instances", world.run(&many));
    assert!(!world.folder().join("state").exists());
}

#[test]
fn recorder_without_its_folder() {
    let world = World::new();
    insta::assert_snapshot!(
        "no_session_folder",
        world.run(&["agent", "record", "--folder", "/nope"])
    );
}

#[test]
fn closed_output_pipe_is_no_error() {
    let world = World::new();
    let mut command = world.command(&["session", "list", "--json"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary runs");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(
        (output.status.code(), output.stderr.as_slice()),
        (Some(0), &[][..])
    );
}
