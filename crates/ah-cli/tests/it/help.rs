//! The complete `--help` of every command.

use crate::ah::World;

pub(crate) const COMMANDS: &[&str] = &[
    "",
    "task",
    "ls",
    "attach",
    "logs",
    "rm",
    "session",
    "session list",
    "session get",
    "session follow",
    "session events",
    "session logs",
    "session diff",
    "session checkout",
    "session files",
    "session cat",
    "session attachments",
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
    "runtimes",
    "executors",
    "repos",
    "projects",
    "workspaces",
    "agent",
    "agent access-point",
    "agent record",
    "init",
    "config",
    "config show",
    "config get",
    "config set",
    "config unset",
    "config path",
    "doctor",
    "completions",
    "man",
    "version",
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
fn program_without_arguments_shows_its_help() {
    let world = World::new();
    let shown = world.run(&[]);
    assert!(shown.starts_with("exit code 0\n"), "{shown}");
    assert_eq!(shown, world.run(&["-h"]));
    assert_eq!(
        world.run(&["help", "session"]),
        world.run(&["session", "--help"])
    );
    assert_eq!(world.run(&["version"]), world.run(&["--version"]));
}

#[test]
fn short_commands_are_the_long_ones() {
    let world = World::new();
    for (short, long) in [
        (&["ls", "--json"][..], &["session", "list", "--json"][..]),
        (&["ps", "--json"], &["session", "list", "--json"]),
        (&["session", "ls"], &["session", "list"]),
        (&["attach", "7K2M"], &["session", "follow", "7K2M"]),
        (&["logs", "-f", "7K2M"], &["session", "logs", "-f", "7K2M"]),
        (&["rm", "7K2M"], &["session", "cancel", "7K2M"]),
        (&["run", "do it"], &["task", "do it"]),
    ] {
        assert_eq!(world.run(short), world.run(long), "{short:?}");
    }
}

#[test]
fn completions_and_manual_pages_are_complete() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = world.run(&["completions", shell]);
        for word in ["permissions", "prompt-file", "access-point"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
    let page = world.run(&["man", "session", "list"]);
    assert!(page.contains(".TH"), "{page}");
    assert!(page.contains("Filter by status"), "{page}");
    let folder = world.folder().join("man1");
    let words = ["man", "--folder", folder.to_str().expect("is UTF-8")];
    assert!(world.run(&words).starts_with("exit code 0"));
    for command in COMMANDS {
        let name = format!("ah {command}").trim_end().replace(' ', "-");
        let page = folder.join(format!("{name}.1"));
        assert!(page.exists(), "{}", page.display());
    }
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
