//! The complete `--help` of every command.

use crate::ah::World;

pub(crate) const COMMANDS: &[&str] = &[
    "",
    "task",
    "session",
    "session list",
    "session get",
    "session follow",
    "session events",
    "session logs",
    "session diff",
    "session files",
    "session prompt",
    "session prompts",
    "session permissions",
    "session answer",
    "session interrupt",
    "session pause",
    "session resume",
    "session stop",
    "session cancel",
    "agents",
    "agent",
    "agent access-point",
    "agent record",
];

#[test]
fn help_of_every_command() {
    let world = World::new();
    for command in COMMANDS {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let name = format!("help_{}", command.replace(' ', "_"));
        insta::assert_snapshot!(name.trim_end_matches('_'), world.run(&words));
    }
}

#[test]
fn help_needs_no_state_folder() {
    let world = World::new();
    world.run(&["--help"]);
    world.run(&["--version"]);
    assert!(!world.folder().join("state").exists());
}

#[test]
fn manual_matches_the_program() {
    let world = World::new();
    let manual = std::fs::read_to_string(
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md"),
    )
    .expect("the manual can be read");
    for command in COMMANDS {
        let mut words: Vec<&str> = command.split_whitespace().collect();
        words.push("--help");
        let output = world.command(&words).output().expect("the binary runs");
        let help = String::from_utf8(output.stdout).expect("is UTF-8");
        for line in help.lines().map(str::trim) {
            // Options, exit codes and variables are what people look up.
            let wanted = line.starts_with("--") || line.starts_with("AH_");
            let option = line.split([' ', '=']).next().unwrap_or_default();
            assert!(
                !wanted || manual.contains(option),
                "docs/cli.md says nothing of `{option}` (ah {command})"
            );
        }
        assert!(
            manual.contains(&format!("ah {command}")),
            "docs/cli.md says nothing of `ah {command}`"
        );
    }
}
