//! Advice for commands that do not exist.

use clap::CommandFactory as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use super::Cli;

/// Words that people type, and the command for each.
const KNOWN_ELSEWHERE: [(&[&str], &str); 9] = [
    (
        &["status", "info", "inspect", "describe"],
        "`ah session get` shows a session",
    ),
    (
        &["watch", "tail", "open", "connect"],
        "`ah attach` follows a session",
    ),
    (
        &["kill", "end", "abort"],
        "`ah session stop` stops a session",
    ),
    (
        &["patch", "changes", "apply"],
        "`ah session diff | git apply` applies the changes of a session",
    ),
    (
        &["new", "start", "exec", "launch", "create", "do", "ask"],
        "`ah task \"PROMPT\"` launches an agent",
    ),
    (
        &["continue", "send", "say", "reply"],
        "`ah session prompt` sends a prompt to a session",
    ),
    (
        &["serve", "server", "daemon", "up", "access-point", "api"],
        "`ah agent access-point` runs the server",
    ),
    (
        &["setup", "login", "auth"],
        "`ah init` chooses an agent, and `ah agents` lists them",
    ),
    (
        &["branch", "switch", "merge"],
        "`ah session get` shows the branch and the workspace of a session",
    ),
];

/// Adds advice to the error of an unknown command. Other errors are returned unchanged.
pub(crate) fn with_advice(mut error: clap::Error) -> clap::Error {
    if error.kind() != ErrorKind::InvalidSubcommand {
        return error;
    }
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidSubcommand) else {
        return error;
    };
    let advice = match advice(word) {
        Some(advice) => advice,
        None if error.get(ContextKind::SuggestedSubcommand).is_some() => return error,
        None => "`ah --help` lists the commands".to_owned(),
    };
    error.remove(ContextKind::SuggestedSubcommand);
    error.insert(
        ContextKind::Suggested,
        ContextValue::StyledStrs(vec![advice.into()]),
    );
    error
}

fn advice(word: &str) -> Option<String> {
    let of_session = Cli::command()
        .find_subcommand("session")
        .and_then(|session| session.find_subcommand(word))
        .map(|command| command.get_name().to_owned());
    if let Some(name) = of_session.filter(|name| name != "help") {
        return Some(format!("the command is `ah session {name}`"));
    }
    let known = KNOWN_ELSEWHERE
        .iter()
        .find(|(words, _)| words.contains(&word))?;
    Some(known.1.to_owned())
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    fn refused(words: &[&str]) -> String {
        let error = Cli::try_parse_from(words).expect_err("there is no such command");
        with_advice(error).to_string()
    }

    #[test]
    fn unknown_command_gets_advice() {
        for (words, advice) in [
            (&["ah", "diff"][..], "the command is `ah session diff`"),
            (&["ah", "status"], "`ah session get`"),
            (&["ah", "serve"], "`ah agent access-point`"),
            (&["ah", "session", "status"], "`ah session get`"),
            (&["ah", "xyzzy"], "`ah --help` lists the commands"),
            (&["ah", "sesion"], "'session'"),
        ] {
            let shown = refused(words);
            assert!(shown.contains(advice), "{words:?}: {shown}");
        }
    }

    #[test]
    fn no_advice_is_given_for_a_command_that_exists() {
        let mut cli = Cli::command();
        cli.build();
        for (words, _) in KNOWN_ELSEWHERE {
            for word in words {
                assert!(cli.find_subcommand(word).is_none(), "{word}");
            }
        }
    }
}
