//! Limits on the number of files that name an operation or an event type.
//!
//! Each is declared once, and the rest is derived from the declaration. A new place that repeats
//! the list raises the count.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::new_operation::TABLE;

const CONTRACT: &str = "crates/ah-rest-api-contract";
/// The examples of the contract's types, which a test requires of each event type.
const EXAMPLES: &str = "tests/it/shapes.rs";
const EVENTS: &str = "crates/ah-rest-api-contract/src/event.rs";

/// A hand-written source file.
struct Source {
    /// The path from the root of the workspace.
    path: String,
    /// The lines that are no comments.
    code: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Returns the Rust files of a folder and of its folders.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path).unwrap();
                let lines = text.lines();
                let code: Vec<&str> = lines
                    .filter(|line| !line.trim_start().starts_with("//"))
                    .collect();
                found.push(Source {
                    path: path.strip_prefix(root()).unwrap().display().to_string(),
                    code: code.join("\n"),
                });
            }
        }
    }
    found
}

impl Source {
    /// Returns the identifiers and keywords with the text before each.
    fn words(&self) -> impl Iterator<Item = (&str, &str)> {
        let is_part = |c: char| c.is_alphanumeric() || c == '_';
        let mut rest = 0;
        std::iter::from_fn(move || {
            let start = rest + self.code[rest..].find(is_part)?;
            let length = self.code[start..].find(|c: char| !is_part(c));
            rest = length.map_or(self.code.len(), |length| start + length);
            Some((&self.code[..start], &self.code[start..rest]))
        })
    }

    fn has(&self, word: &str) -> bool {
        self.words().any(|(_, found)| found == word)
    }

    /// Returns true if the code names an event type: its variant of `EventPayload` or `EventType`,
    /// or its struct. A variant of another enum with the name of the struct does not count.
    fn names_event(&self, variant: &str, payload: &str) -> bool {
        let is_own = self
            .path
            .starts_with("crates/ah-rest-api-contract/src/event");
        self.words().any(|(before, word)| {
            let of_payload = before.ends_with("EventPayload::")
                || before.ends_with("EventType::")
                || (is_own && before.ends_with("Self::"));
            (of_payload && word == variant) || (word == payload && !before.ends_with("::"))
        })
    }
}

fn paths<'a>(sources: impl Iterator<Item = &'a Source>) -> BTreeSet<&'a str> {
    sources.map(|source| source.path.as_str()).collect()
}

/// Returns the ids in the table that are no word of their own, as `version` is.
fn operations() -> Vec<String> {
    let table = fs::read_to_string(root().join(TABLE)).unwrap();
    let rows = table.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (id, method, path) = (words.next()?, words.next()?, words.next()?);
        let is_row = ["Get", "Post", "Put", "Delete"].contains(&method) && path.starts_with('"');
        (is_row && id.contains('_')).then(|| id.to_owned())
    });
    rows.collect()
}

/// The maximum number of source files of the implementing crates whose code may name an operation.
/// Comments, test suites, a command and the generated files do not count.
const FILES_OF_OPERATION: usize = 8;

#[test]
fn an_operation_is_named_in_few_files() {
    let crates = [
        "ah-rest-api-contract",
        "ah-lifecycle",
        "ah-store",
        "ah-store-sqlite",
        "ah-engine",
        "ah-rest-server",
        "ah-rest-mock-client",
    ];
    let files = crates.map(|name| sources(&format!("crates/{name}/src")));
    let files = files.iter().flatten();
    let files: Vec<&Source> = files.filter(|file| !file.path.contains("suite")).collect();
    let ids = operations();
    assert!(ids.len() > 20, "the table is not read: {ids:?}");
    for id in ids {
        let naming = paths(files.iter().copied().filter(|file| file.has(&id)));
        assert!(
            naming.len() <= FILES_OF_OPERATION,
            "{id} is named in {naming:#?}"
        );
    }
}

/// Returns the variants of `EventPayload` with their structs, except `Unknown`.
fn events() -> Vec<(String, String)> {
    let source = fs::read_to_string(root().join(EVENTS)).unwrap();
    let (_, body) = source
        .split_once("#[non_exhaustive]\npub enum EventPayload {")
        .expect("the enum, which other crates match with a wildcard");
    let (body, _) = body.split_once("\n}").unwrap();
    let variants = body.lines().filter_map(|line| {
        let (variant, payload) = line.trim().strip_suffix("),")?.split_once('(')?;
        (variant != "Unknown").then(|| (variant.to_owned(), payload.to_owned()))
    });
    variants.collect()
}

/// The maximum number of files of the contract that name an event type, for its declaration: the
/// file of its struct, the enum, the summary and the example.
const FILES_OF_EVENT: usize = 4;

/// The files of the contract that name event types for another reason.
const ABOUT_SOME_EVENTS: [&str; 8] = [
    // The fields of a session follow from some events.
    "src/event/apply.rs",
    "src/session.rs",
    // `log` events have a filter and a list of their own.
    "src/event/query.rs",
    "src/query/logs.rs",
    "src/access_point.rs",
    // Exports of the types of permissions.
    "src/lib.rs",
    "src/permission.rs",
    // A test of one event.
    "src/sse/tests.rs",
];

#[test]
fn an_event_type_is_declared_in_few_files() {
    let mut files = sources(&format!("{CONTRACT}/src"));
    let tests = sources(&format!("{CONTRACT}/tests/it"));
    files.extend(
        tests
            .into_iter()
            .filter(|file| file.path.ends_with(EXAMPLES)),
    );
    let files = files.iter().filter(|file| {
        let mut exceptions = ABOUT_SOME_EVENTS.iter();
        !exceptions.any(|exception| file.path.ends_with(exception))
    });
    let files: Vec<&Source> = files.collect();
    let events = events();
    assert!(events.len() > 10, "the enum is not read: {events:?}");
    for (variant, payload) in events {
        let naming = files.iter().copied();
        let naming = paths(naming.filter(|file| file.names_event(&variant, &payload)));
        assert!(
            naming.len() <= FILES_OF_EVENT,
            "`{variant}` is named in {naming:#?}"
        );
    }
}

/// The files outside of the contract that name `progress`, an event without any effect: two emitters
/// (the agent, and the provisioning of a workspace), the script builder of the mock, and two views of
/// the command line.
const FILES_OF_PROGRESS: usize = 5;

#[test]
fn other_crates_do_not_repeat_the_list_of_event_types() {
    let files = sources("crates");
    let files = files.iter().filter(|file| {
        let is_test = file.path.contains("/tests") || file.path.contains("tests.rs");
        !is_test && !file.path.starts_with(CONTRACT)
    });
    let naming = paths(files.filter(|file| file.names_event("Progress", "Progress")));
    assert!(
        naming.len() <= FILES_OF_PROGRESS,
        "`Progress` is named in {naming:#?}"
    );
}
