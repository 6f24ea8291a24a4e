//! A ratchet on the project's English, one row of counts per crate.
//!
//! Two things are counted: doc lines that open like a subordinate clause ("What …", "Whether …"),
//! and banned words, of which some are banned only in the names of items. A folder without a row in the table keeps the limit. A row allows a folder
//! more, and `cargo xtask tidy --update` lowers it, never raises it, and removes it in the end.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};

use super::File;
use crate::findings::Findings;

/// The table of rows, by its path from the root.
pub(super) const TABLE: &str = "xtask/src/tidy/words.toml";

/// This file, which is the one place that spells the banned words.
const THIS: &str = "xtask/src/tidy/words.rs";

/// First words of a doc line that seldom begin a full sentence.
const OPENINGS: &[&str] = &[
    "What", "Whether", "How", "Who", "Which", "Why", "When", "Where", "That",
];

/// Words, and pairs of words, that have a plainer equivalent.
const BANNED: &[&str] = &[
    "nobody",
    "somebody",
    "whoever",
    "ask leave",
    "asks leave",
    "asked leave",
    "asking leave",
];

/// Words that have a plainer equivalent in the name of an item.
const BANNED_IN_NAMES: &[&str] = &[
    "besides",
    "desk",
    "door",
    "doors",
    "errand",
    "farewell",
    "fruitless",
    "glimpse",
    "hear",
    "heard",
    "nonsense",
    "said",
    "spoil",
    "spoilt",
    "told",
    "trouble",
    "troubles",
    "who",
    "wish",
];

/// Keywords that precede the name of an item.
const ITEMS: &[&str] = &[
    "fn", "struct", "enum", "trait", "type", "const", "static", "mod",
];

/// The largest share of headless doc lines in a folder without a row, in percent.
const HEADLESS_PERCENT_MAX: usize = 3;

/// The row of everything that is not part of a crate.
const OUTSIDE: &str = "docs";

/// Folders whose subfolders are crates.
const CRATE_FOLDERS: &[&str] = &["crates", "examples", "tests"];

/// Counts of one folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Row {
    /// Doc lines that begin with one of [`OPENINGS`].
    headless: usize,
    /// Occurrences of [`BANNED`], and of [`BANNED_IN_NAMES`] in the names of items.
    banned: usize,
}

/// Allowed counts of the folders above the limit.
pub(super) type Table = BTreeMap<String, Row>;

/// Counts of one folder, with the number that makes them a share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Count {
    row: Row,
    doc_lines: usize,
}

impl Count {
    /// Returns true if the folder needs no row.
    fn is_within_limit(self) -> bool {
        self.row.banned == 0 && self.row.headless * 100 <= self.doc_lines * HEADLESS_PERCENT_MAX
    }
}

/// Parses the committed table.
pub(super) fn table(text: &str) -> anyhow::Result<Table> {
    toml::from_str(text).with_context(|| format!("failed to parse {TABLE}"))
}

/// Notes every folder whose counts exceed its row, or the limit where it has no row.
pub(super) fn check(files: &[File], table: &Table, findings: &mut Findings) {
    for (folder, count) in counts(files) {
        let Count { row, doc_lines } = count;
        let Some(allowed) = table.get(folder) else {
            if !count.is_within_limit() {
                findings.add(
                    folder,
                    format!(
                        "{} banned words and {} headless of {doc_lines} doc lines; the limit is \
                         none and {HEADLESS_PERCENT_MAX} % ({THIS})",
                        row.banned, row.headless
                    ),
                );
            }
            continue;
        };
        for (what, found, allowed) in [
            ("headless doc lines", row.headless, allowed.headless),
            ("banned words", row.banned, allowed.banned),
        ] {
            if found > allowed {
                findings.add(
                    folder,
                    format!("{found} {what}, and {TABLE} allows {allowed}"),
                );
            }
        }
    }
}

/// Returns the table with each row lowered to the current counts, as the text of the file.
pub(super) fn lowered(files: &[File], table: &Table) -> anyhow::Result<String> {
    let counts = counts(files);
    let rows: Table = table
        .iter()
        .filter_map(|(folder, allowed)| {
            let count = counts.get(folder.as_str())?;
            let row = Row {
                headless: allowed.headless.min(count.row.headless),
                banned: allowed.banned.min(count.row.banned),
            };
            (!count.is_within_limit()).then(|| (folder.clone(), row))
        })
        .collect();
    let rows = toml::to_string(&rows).context("failed to encode the table")?;
    Ok(format!(
        "# Folders above the limit of `cargo xtask tidy`, which `--update` lowers to what is left.\n\
         {rows}"
    ))
}

/// Returns a line for each folder with its counts, for people.
pub(super) fn report(files: &[File]) -> String {
    let counts = counts(files);
    let width = counts.keys().map(|folder| folder.len()).max().unwrap_or(0);
    counts
        .iter()
        .map(|(folder, count)| {
            let share = count.row.headless as f64 * 100.0 / count.doc_lines.max(1) as f64;
            format!(
                "{folder:width$}  {:>5} doc lines  {:>4} headless ({share:>4.1} %)  {:>3} banned\n",
                count.doc_lines, count.row.headless, count.row.banned
            )
        })
        .collect()
}

fn counts(files: &[File]) -> BTreeMap<&str, Count> {
    let mut counts: BTreeMap<&str, Count> = BTreeMap::new();
    for file in files.iter().filter(|file| file.path != Path::new(THIS)) {
        let count = counts.entry(folder_of(&file.path)).or_default();
        count.row.banned += banned_in(&file.text);
        if file.has_extension("rs") {
            count.row.banned += banned_names_in(&file.text);
            let docs = file.text.lines().filter_map(doc_of);
            for doc in docs {
                count.doc_lines += 1;
                count.row.headless += usize::from(is_headless(doc));
            }
        }
    }
    counts
}

/// The crate's folder, as it is written from the root, or [`OUTSIDE`].
fn folder_of(path: &Path) -> &str {
    let mut parts = path.components().filter_map(|part| match part {
        Component::Normal(part) => part.to_str(),
        _ => None,
    });
    let (first, second, third) = (parts.next(), parts.next(), parts.next());
    match (first, second, third) {
        (Some("xtask"), Some(_), _) => "xtask",
        (Some(first), Some(second), Some(_)) if CRATE_FOLDERS.contains(&first) => path
            .to_str()
            .map_or(OUTSIDE, |path| &path[..first.len() + 1 + second.len()]),
        _ => OUTSIDE,
    }
}

/// The text of a doc line, without its slashes.
fn doc_of(line: &str) -> Option<&str> {
    let line = line.trim_start();
    line.strip_prefix("///")
        .or_else(|| line.strip_prefix("//!"))
}

fn is_headless(doc: &str) -> bool {
    let first = doc.strip_prefix(' ').and_then(|doc| {
        doc.split(|c: char| !(c.is_alphanumeric() || c == '_'))
            .next()
    });
    first.is_some_and(|first| OPENINGS.contains(&first))
}

/// Counts banned words in prose and in names: `_` and punctuation separate words.
fn banned_in(text: &str) -> usize {
    let text = text.to_lowercase();
    let mut before = "";
    let mut found = 0;
    for word in text.split(|c: char| !c.is_alphanumeric()) {
        if word.is_empty() {
            continue;
        }
        let is_banned = |banned: &&str| match banned.split_once(' ') {
            Some((first, second)) => before == first && word == second,
            None => word == *banned,
        };
        found += usize::from(BANNED.iter().any(is_banned));
        before = word;
    }
    found
}

/// Counts banned words in the names of items. Underscores and capital letters separate words.
fn banned_names_in(source: &str) -> usize {
    let code = source
        .lines()
        .filter(|line| !line.trim_start().starts_with("//"));
    code.flat_map(names_in)
        .flat_map(words_of)
        .filter(|word| BANNED_IN_NAMES.contains(&word.as_str()))
        .count()
}

/// The names of the items that a line of code declares.
fn names_in(line: &str) -> impl Iterator<Item = &str> {
    line.split_whitespace()
        .zip(line.split_whitespace().skip(1))
        .filter(|(keyword, _)| ITEMS.contains(keyword))
        .filter_map(|(_, name)| {
            name.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .next()
        })
}

/// The words of a name, in lower case.
fn words_of(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = '_';
    for c in name.chars() {
        let starts = before == '_' || (c.is_uppercase() && !before.is_uppercase());
        if c != '_' {
            match words.last_mut() {
                Some(word) if !starts => word.extend(c.to_lowercase()),
                _ => words.push(c.to_lowercase().collect()),
            }
        }
        before = c;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    /// Ten doc lines of which `headless` open with a question word, and `banned` banned words.
    fn source(headless: usize, banned: usize) -> File {
        let lines = (0..10).map(|at| {
            if at < headless {
                "/// What.\n"
            } else {
                "/// A row.\n"
            }
        });
        let names = (0..banned).map(|_| format!("fn {}_waits() {{}}\n", BANNED[0]));
        let text: String = lines.map(str::to_owned).chain(names).collect();
        file("crates/a/src/lib.rs", &text)
    }

    fn findings_of(file: File, table: &str) -> Vec<String> {
        let mut findings = Findings::default();
        check(&[file], &super::table(table).unwrap(), &mut findings);
        findings.lines().to_owned()
    }

    #[test]
    fn a_folder_without_a_row_keeps_the_limit() {
        assert!(findings_of(source(0, 0), "").is_empty());
        assert_eq!(findings_of(source(1, 0), "").len(), 1);
        assert_eq!(findings_of(source(0, 1), "").len(), 1);
    }

    #[test]
    fn a_row_allows_its_counts_and_no_more() {
        let table = "[\"crates/a\"]\nheadless = 2\nbanned = 1\n";
        assert!(findings_of(source(2, 1), table).is_empty());
        assert_eq!(findings_of(source(3, 2), table).len(), 2);
    }

    #[test]
    fn an_update_lowers_a_row_and_removes_it_at_the_limit() {
        let table = table("[\"crates/a\"]\nheadless = 5\nbanned = 1\n").unwrap();
        let after = |file: File| super::table(&lowered(&[file], &table).unwrap()).unwrap();
        assert_eq!(
            after(source(2, 7))["crates/a"],
            Row {
                headless: 2,
                banned: 1
            }
        );
        assert!(after(source(0, 0)).is_empty());
    }

    #[test]
    fn only_the_first_word_of_a_doc_line_makes_it_headless() {
        for headless in [" What it is.", " Whether.", " How"] {
            assert!(is_headless(headless), "{headless}");
        }
        for other in ["", " Whatever it is.", " The text.", "What", " `What`."] {
            assert!(!is_headless(other), "{other}");
        }
    }

    #[test]
    fn a_banned_word_counts_in_names_and_across_lines() {
        let text = format!(
            "{}'s\nx_{}_y\nAsks\nleave\nleave asks",
            BANNED[0], BANNED[1]
        );
        assert_eq!(banned_in(&text), 3);
        assert_eq!(banned_in(&format!("{}s ask for leave", BANNED[0])), 0);
    }

    #[test]
    fn names_of_items_have_banned_words_of_their_own() {
        let word = BANNED_IN_NAMES[0];
        let capital = word[..1].to_uppercase() + &word[1..];
        let source = format!(
            "async fn it_is_{word}() {{}}\nstruct Is{capital}It;\nconst {}: u8 = 0;",
            word.to_uppercase()
        );
        assert_eq!(banned_names_in(&source), 3);
        let others = format!("// fn {word}()\nlet {word} = 1;\nfn {word}er() {{}}");
        assert_eq!(banned_names_in(&others), 0);
    }

    #[test]
    fn a_folder_is_a_crate_or_everything_else() {
        for (path, folder) in [
            ("crates/ah-cli/src/main.rs", "crates/ah-cli"),
            ("tests/fake-llm/Cargo.toml", "tests/fake-llm"),
            ("xtask/src/main.rs", "xtask"),
            ("README.md", OUTSIDE),
            ("docs/decisions/README.md", OUTSIDE),
        ] {
            assert_eq!(folder_of(Path::new(path)), folder, "{path}");
        }
    }
}
