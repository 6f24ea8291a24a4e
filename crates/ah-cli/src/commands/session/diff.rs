//! `ah session diff`.

use ah_rest_api_contract::{DiffQuery, Session, SessionDiff, TaskManager};

use crate::args::DiffArgs;
use crate::changes;
use crate::context::Context;
use crate::failure::Failure;
use crate::session_ref::{find, is_like_reference, resolve, short};

/// Prints the session's changes.
pub(super) async fn run(
    manager: &dyn TaskManager,
    args: DiffArgs,
    context: &Context,
) -> Result<(), Failure> {
    let (session, mut files) = session_and_files(manager, args.words).await?;
    let maybe_session = files
        .first()
        .filter(|word| is_like_reference(word))
        .cloned();
    files.extend(args.files);
    let mut query = DiffQuery::new(files.clone(), args.context)?;
    if args.full {
        query = query.whole_files();
    }
    let diff = manager.get_session_diff(session.id, query).await?;
    if let Some(word) = maybe_session
        && !has_file(&diff, &word)
    {
        return Err(neither(&word, &session));
    }
    if diff.files.is_empty() && !context.json && !args.stat {
        context.terminal.hint(nothing_changed(&files));
    }
    if !context.json && !args.stat {
        warn_of_missing_files(&session, &diff, context);
    }
    if context.json {
        context.terminal.print_json(&diff)
    } else if args.stat {
        context.terminal.print(&changes::stat(&diff))
    } else {
        print(&diff, context)
    }
}

/// Returns true if the diff has this file, or files in this folder.
fn has_file(diff: &SessionDiff, name: &str) -> bool {
    let name = name.trim_end_matches('/');
    let is_it = |path: &str| {
        path.strip_prefix(name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    diff.files
        .iter()
        .any(|file| is_it(&file.path) || file.old_path.as_deref().is_some_and(is_it))
}

/// Returns the failure for a word that names neither a session nor a changed file. It is probably a
/// mistyped session, and must not select the latest one.
fn neither(word: &str, latest: &Session) -> Failure {
    let latest = short(latest.id);
    Failure::general(format!(
        "`{word}` is neither a session nor a changed file of the latest session, {latest}"
    ))
    .hint("`ah session list` lists the sessions")
    .hint(format!(
        "`ah session files {latest}` lists the changed files"
    ))
}

/// Returns the hint for an empty diff, which names the files.
fn nothing_changed(files: &[String]) -> String {
    match files {
        [] => "nothing changed".to_owned(),
        [one] => {
            format!("no changed file matches `{one}`; `ah session files` lists the changed files")
        }
        _ => "none of these files changed; `ah session files` lists the changed files".to_owned(),
    }
}

/// Prints a coloured, harmless diff to a terminal, and the exact bytes to anything else.
fn print(diff: &SessionDiff, context: &Context) -> Result<(), Failure> {
    if context.terminal.stdout_is_terminal() {
        let lines: Vec<_> = changes::diff_lines(diff).collect();
        context.terminal.print_whole(&lines)
    } else {
        context.terminal.print_raw(&changes::patch(diff))
    }
}

/// Names the files whose changes are not in the printed diff.
fn warn_of_missing_files(session: &Session, diff: &SessionDiff, context: &Context) {
    let place = session
        .workspace
        .as_ref()
        .map(|at| format!("; see {}", at.path.display()));
    let place = place.unwrap_or_default();
    let without_diff = diff.files.iter().filter(|file| file.diff.is_empty());
    let (binary, large): (Vec<_>, Vec<_>) = without_diff
        .filter(|file| file.is_binary || file.is_truncated)
        .partition(|file| file.is_binary);
    let kinds = [
        ("binary files are", binary),
        ("files that are too large are", large),
    ];
    for (what, files) in kinds.iter().filter(|(_, files)| !files.is_empty()) {
        let names: Vec<&str> = files.iter().map(|file| file.path.as_str()).collect();
        let names = names.join(", ");
        context
            .terminal
            .hint(format!("{what} not in the diff: {names}{place}"));
    }
}

/// Splits the words into the session and the files. The first word is a session if it names one,
/// otherwise a file of the latest session.
async fn session_and_files(
    manager: &dyn TaskManager,
    mut words: Vec<String>,
) -> Result<(Session, Vec<String>), Failure> {
    if let Some(first) = words.first()
        && let Some(session) = find(manager, first).await?
    {
        words.remove(0);
        return Ok((session, words));
    }
    Ok((resolve(manager, None).await?, words))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fake::{diff, manager_of, session};

    #[tokio::test]
    async fn first_word_that_names_no_session_is_a_file() {
        let latest = session("01JZBBBBBBBBBBBBBBBBBBBB22");
        let older = session("01JZAAAAAAAAAAAAAAAAAAAAA1");
        let manager = manager_of([latest.clone(), older.clone()]);
        let words = |words: &[&str]| words.iter().map(ToString::to_string).collect::<Vec<_>>();
        for (given, id, files) in [
            (words(&[]), latest.id, words(&[])),
            (
                words(&["README", "a/b"]),
                latest.id,
                words(&["README", "a/b"]),
            ),
            (words(&["AAA1", "a/b"]), older.id, words(&["a/b"])),
        ] {
            let found = session_and_files(&manager, given).await.expect("resolves");
            assert_eq!((found.0.id, found.1), (id, files));
        }
    }

    #[test]
    fn mistyped_session_is_no_file() {
        let diff = diff();
        for (word, is_file) in [
            ("src/main.rs", true),
            ("src", true),
            ("src/", true),
            ("sr", false),
            ("7K2X", false),
        ] {
            assert_eq!(has_file(&diff, word), is_file, "{word}");
        }
        assert!(is_like_reference("7K2X") && is_like_reference("01JZAAAAAAAAAAAAAAAAAAAAA12"));
        assert!(!is_like_reference("src/main.rs") && !is_like_reference("a.b"));
    }

    #[test]
    fn empty_diff_message_names_the_requested_files() {
        assert_eq!(nothing_changed(&[]), "nothing changed");
        let files = ["zzzz".to_owned(), "b".to_owned()];
        assert!(nothing_changed(&files[..1]).contains("`zzzz`"));
        assert!(nothing_changed(&files).starts_with("none of these files"));
    }

    #[test]
    fn patch_output_is_the_unmodified_diff() {
        let diff = diff();
        assert_eq!(
            changes::patch(&diff),
            format!("{}{}", diff.files[0].diff, diff.files[1].diff)
        );
    }
}
