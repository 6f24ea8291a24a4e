//! How manifests are written: versions and lints are stated once, in the root.

use std::collections::BTreeSet;

use super::graph::Graph;
use crate::findings::Findings;

/// Notes what a member states by itself although the root does.
pub(super) fn check_member(package: &str, manifest: &str, findings: &mut Findings) {
    let lints: Vec<_> = lines_of(manifest, |table| table == "lints").collect();
    if !lints
        .iter()
        .any(|(key, value)| *key == "workspace" && *value == "true")
    {
        findings.add(package, "its manifest needs `[lints] workspace = true`");
    }
    for (key, value) in lines_of(manifest, is_dependency_table) {
        let inherits = key.ends_with(".workspace") || value.contains("workspace = true");
        if !inherits {
            findings.add(
                package,
                format!("`{key}` belongs into [workspace.dependencies] of the root manifest"),
            );
        }
    }
}

/// Notes what the root declares for the members and none of them takes.
pub(super) fn check_root(manifest: &str, graph: &Graph, findings: &mut Findings) {
    let taken: BTreeSet<&str> = graph
        .members()
        .flat_map(|package| &package.declared)
        .map(|declared| declared.name.as_str())
        .collect();
    for (name, _) in lines_of(manifest, |table| table == "workspace.dependencies") {
        if !taken.contains(name) {
            findings.add(
                "Cargo.toml",
                format!("no crate takes `{name}` of [workspace.dependencies]"),
            );
        }
    }
}

fn is_dependency_table(table: &str) -> bool {
    let kind = table.rsplit('.').next().unwrap_or(table);
    matches!(
        kind,
        "dependencies" | "dev-dependencies" | "build-dependencies"
    ) && !table.starts_with("workspace.")
}

/// The `key = value` lines of the tables whose name is wanted. A manifest of ours writes each
/// dependency on one line.
fn lines_of(manifest: &str, wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (&str, &str)> {
    let mut inside = false;
    manifest.lines().filter_map(move |line| {
        let line = line.trim();
        if let Some(table) = line.strip_prefix('[') {
            inside = wanted(table.trim_end_matches(']'));
            return None;
        }
        let (key, value) = line.split_once('=')?;
        (inside && !line.starts_with('#')).then(|| (key.trim(), value.trim()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_inherits_lints_and_versions() {
        let manifest = "[lints]\nworkspace = true\n\n[dependencies]\nserde.workspace = true\n\
                        tokio = { workspace = true, features = [\"rt\"] }\n";
        let mut findings = Findings::default();
        check_member("ah-a", manifest, &mut findings);
        assert_eq!(findings, Findings::default());

        let manifest = "[dev-dependencies]\n# a comment = 1\nserde = \"1\"\n";
        check_member("ah-a", manifest, &mut findings);
        assert_eq!(findings.lines().len(), 2, "{findings:?}");
    }

    #[test]
    fn what_no_crate_takes_is_noted() {
        let root = "[workspace.dependencies]\nserde = \"1\"\nurl = \"2\"\n[profile.dev]\nlto = 1\n";
        let mut findings = Findings::default();
        check_root(root, &Graph::of(&[("ah-a", &["serde"])]), &mut findings);
        assert_eq!(
            findings.lines(),
            ["Cargo.toml: no crate takes `url` of [workspace.dependencies]"]
        );
    }
}
