use clap::CommandFactory;

use super::*;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// Returns every visible command with its path.
fn shown_commands() -> Vec<(String, clap::Command)> {
    fn walk(path: &str, command: &clap::Command, all: &mut Vec<(String, clap::Command)>) {
        for child in command
            .get_subcommands()
            .filter(|child| !child.is_hide_set() && child.get_name() != "help")
        {
            let path = format!("{path} {}", child.get_name());
            all.push((path.clone(), child.clone()));
            walk(&path, child, all);
        }
    }
    let mut command = Cli::command();
    command.build();
    let mut all = Vec::new();
    walk("ah", &command, &mut all);
    all
}

#[test]
fn every_command_has_a_description_and_examples() {
    for (path, command) in shown_commands() {
        assert!(command.get_about().is_some(), "{path} has no description");
        let examples = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            examples.starts_with("Examples:\n  "),
            "{path} has no examples"
        );
        for line in examples.lines().skip(1) {
            assert!(line.contains("ah "), "{path}: {line}");
        }
    }
}

#[test]
fn every_option_says_what_it_is_for() {
    for (path, command) in shown_commands() {
        for argument in command.get_arguments() {
            assert!(
                argument.get_help().is_some(),
                "{path} {}",
                argument.get_id()
            );
        }
    }
}

#[test]
fn the_examples_parse() {
    for (path, command) in shown_commands() {
        let examples = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        for line in examples.lines().skip(1) {
            // Only the `ah` part of a pipeline is parsed.
            let line = line
                .split(" | ")
                .find(|part| part.trim_start().starts_with("ah "));
            let Some(line) = line else { continue };
            // Three spaces start a remark.
            let typed = line.trim().split("   ").next().unwrap_or_default();
            let typed = typed.split(" > ").next().unwrap_or_default();
            let parsed = Cli::try_parse_from(shell_words(typed));
            let is_help = |error: &clap::Error| error.kind() == clap::error::ErrorKind::DisplayHelp;
            assert!(
                parsed.is_ok() || parsed.as_ref().is_err_and(is_help),
                "{path}: {line}: {parsed:?}"
            );
        }
    }
}

/// Splits a line into words, with double quotes around some.
fn shell_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    for (index, part) in line.split('"').enumerate() {
        if index % 2 == 1 {
            words.push(part.to_owned());
        } else {
            words.extend(part.split_whitespace().map(str::to_owned));
        }
    }
    words
}
