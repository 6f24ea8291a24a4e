//! Rules about the length and the text of single files.

use super::File;
use crate::findings::Findings;

/// The largest number of lines of a source file that is not a test.
const LINES_MAX: usize = 600;

/// Marks of unfinished work, which an issue should describe.
const MARKS: &[&str] = &["TODO", "FIXME", "XXX", "HACK"];

/// The one permitted source of packages in the lock file.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Notes each violation in one file of the work tree at `root`.
pub(super) fn check(file: &File, root: &str, findings: &mut Findings) {
    if file.has_extension("rs") {
        check_length(file, findings);
    }
    for (number, line) in (1..).zip(file.text.lines()) {
        for what in [
            file.has_extension("rs").then(|| mark_in(line)).flatten(),
            work_tree_in(line, root),
            foreign_source_in(line),
        ]
        .into_iter()
        .flatten()
        {
            findings.add(format!("{}:{number}", file.path.display()), what);
        }
    }
}

fn check_length(file: &File, findings: &mut Findings) {
    let is_test = file.path.ends_with("tests.rs")
        || file
            .path
            .components()
            .any(|part| part.as_os_str() == "tests");
    if is_test {
        return;
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX {
        findings.add(
            file.path.display(),
            format!("{lines} lines exceed {LINES_MAX}; split the file by concept"),
        );
    }
}

/// Finds a mark of unfinished work in a comment.
fn mark_in(line: &str) -> Option<String> {
    let (_, comment) = line.split_once("//")?;
    let mark = comment
        .split(|c: char| !c.is_alphanumeric())
        .find(|word| MARKS.contains(word))?;
    Some(format!("`{mark}` belongs into an issue"))
}

/// Finds the path of the work tree, which exists on this machine only.
fn work_tree_in(line: &str, root: &str) -> Option<String> {
    line.match_indices(root)
        // The path must not be the end of a longer one.
        .any(|(at, _)| !line[..at].ends_with(|c: char| c.is_alphanumeric() || "._-/}~".contains(c)))
        .then(|| format!("`{root}` is a path of this machine"))
}

/// Finds a source of packages other than the public registry.
fn foreign_source_in(line: &str) -> Option<String> {
    let source = line.strip_prefix("source = \"")?.strip_suffix('"')?;
    (source != REGISTRY).then(|| format!("`{source}` is not the public registry"))
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    fn findings_of(path: &str, text: &str) -> Findings {
        let mut findings = Findings::default();
        check(&file(path, text), "/there", &mut findings);
        findings
    }

    #[test]
    fn long_source_files_are_reported_but_long_tests_are_not() {
        let long = "\n".repeat(LINES_MAX + 1);
        assert_eq!(findings_of("crates/a/src/b.rs", &long).lines().len(), 1);
        assert_eq!(
            findings_of("crates/a/src/b.rs", &long[1..]),
            Findings::default()
        );
        for path in ["crates/a/src/b/tests.rs", "crates/a/tests/it/b.rs"] {
            assert_eq!(findings_of(path, &long), Findings::default(), "{path}");
        }
    }

    #[test]
    fn markers_are_reported_only_in_comments() {
        let mark = MARKS[0];
        assert_eq!(
            findings_of("src/a.rs", &format!("let a = 1; // {mark}: b")).lines(),
            [format!("src/a.rs:1: `{mark}` belongs into an issue")]
        );
        for harmless in [
            format!("\"{mark}\""),
            format!("// {mark}S"),
            "// to do".to_owned(),
        ] {
            assert_eq!(
                findings_of("src/a.rs", &harmless),
                Findings::default(),
                "{harmless}"
            );
        }
    }

    #[test]
    fn local_paths_are_reported_at_their_start() {
        assert_eq!(findings_of("a.md", "see `/there/x`").lines().len(), 1);
        assert_eq!(
            findings_of("a.md", "see /here/there/x"),
            Findings::default()
        );
    }

    #[test]
    fn packages_come_from_the_public_registry() {
        let line = |source: &str| format!("source = \"{source}\"");
        assert_eq!(
            findings_of("Cargo.lock", &line(REGISTRY)),
            Findings::default()
        );
        assert_eq!(
            findings_of("Cargo.lock", &line("git+https://example.org/a"))
                .lines()
                .len(),
            1
        );
    }
}
