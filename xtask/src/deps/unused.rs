//! Dependencies that a manifest declares and no source file names.
//!
//! A dependency is used where its name stands before `::`, is imported, or is a macro of its
//! own. That is read from the text, without the comments, which is cheap and has been precise
//! enough; what it cannot see is listed with the reason.

use std::path::{Path, PathBuf};

use super::graph::{Kind, Package};
use crate::findings::Findings;

/// Dependencies that are there for what linking them does: package, dependency, why.
const NOT_NAMED: &[(&str, &str, &str)] = &[];

/// Notes what the package in `folder` declares and does not use.
pub(super) fn check(
    package: &Package,
    folder: &Path,
    sources: &[(PathBuf, String)],
    findings: &mut Findings,
) {
    for declared in &package.declared {
        let excepted = NOT_NAMED
            .iter()
            .any(|(of, name, _)| *of == package.name && *name == declared.name);
        let named = sources
            .iter()
            .filter_map(|(file, text)| Some((file.strip_prefix(folder).ok()?, text)))
            .filter(|(file, _)| may_use(declared.kind, file))
            .any(|(_, text)| names(text, &declared.name.replace('-', "_")));
        if named == excepted {
            findings.add(
                &package.name,
                if excepted {
                    format!("`{}` is used: take it off the exceptions", declared.name)
                } else {
                    format!("`{}` is declared and never used", declared.name)
                },
            );
        }
    }
}

/// Whether a file of the package may use a dependency of this kind.
fn may_use(kind: Kind, file: &Path) -> bool {
    match kind {
        Kind::Normal => file.starts_with("src"),
        Kind::Development => file != Path::new("build.rs"),
        Kind::Build => file == Path::new("build.rs"),
    }
}

fn names(text: &str, dependency: &str) -> bool {
    text.lines()
        .map(|line| line.split("//").next().unwrap_or(line))
        .any(|code| names_in_line(code, dependency))
}

fn names_in_line(code: &str, dependency: &str) -> bool {
    code.match_indices(dependency).any(|(at, _)| {
        let before = &code[..at];
        let after = &code[at + dependency.len()..];
        let is_word = !before.ends_with(|c: char| c.is_alphanumeric() || c == '_')
            && !after.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let imported = before.trim_end().ends_with("use") && after.starts_with([';', ' ']);
        // `a::serde::b` is a module of that name, `::serde::b` the crate.
        let nested = before.strip_suffix("::").is_some_and(|owner| {
            owner.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '>')
        });
        is_word && !nested && (after.starts_with("::") || after.starts_with('!') || imported)
    })
}

#[cfg(test)]
mod tests {
    use super::super::graph::Graph;
    use super::*;

    #[test]
    fn a_name_counts_where_it_is_a_path_an_import_or_a_macro() {
        for code in [
            "use serde::Deserialize;",
            "#[derive(serde::Serialize)]",
            "let x = ::serde::de::Error::custom(1);",
            "pub use serde;",
            "use serde as s;",
            "serde!({});",
        ] {
            assert!(names(code, "serde"), "{code}");
        }
        for code in [
            "// use serde::Deserialize;",
            "use serde_json::Value;",
            "let serde = 1;",
            "crate::serde::read()",
            "my_serde::read()",
        ] {
            assert!(!names(code, "serde"), "{code}");
        }
    }

    #[test]
    fn an_unused_dependency_is_noted_and_a_use_elsewhere_does_not_count() {
        let graph = Graph::of(&[("ah-a", &["serde-json", "url"])]);
        let package = graph.members().next().unwrap();
        let sources = [
            ("crates/ah-a/src/lib.rs", "use serde_json::Value;"),
            ("crates/ah-a/tests/it/main.rs", "use url::Url;"),
            ("crates/ah-b/src/lib.rs", "use url::Url;"),
        ]
        .map(|(file, text)| (PathBuf::from(file), text.to_owned()));
        let mut findings = Findings::default();
        check(package, Path::new("crates/ah-a"), &sources, &mut findings);
        assert_eq!(findings.lines(), ["ah-a: `url` is declared and never used"]);
    }
}
