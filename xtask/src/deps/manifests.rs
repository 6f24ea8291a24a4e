//! Versions and lints are stated once, in the root manifest.

use toml::{Table, Value};

use crate::findings::Findings;

/// Tables of a manifest that list dependencies.
const DEPENDENCIES: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];

/// Notes settings of a member that the root manifest should state instead.
pub(super) fn check_member(package: &str, manifest: &Table, findings: &mut Findings) {
    if !manifest.get("lints").is_some_and(inherits) {
        findings.add(package, "its manifest needs `[lints] workspace = true`");
    }
    let targets = manifest.get("target").and_then(Value::as_table);
    let targets = targets.into_iter().flat_map(Table::values);
    let tables = targets.filter_map(Value::as_table).chain([manifest]);
    for dependencies in tables
        .flat_map(|table| DEPENDENCIES.map(|name| table.get(name)))
        .filter_map(|table| table?.as_table())
    {
        for (name, _) in dependencies.iter().filter(|(_, value)| !inherits(value)) {
            findings.add(
                package,
                format!("`{name}` belongs into [workspace.dependencies] of the root manifest"),
            );
        }
    }
}

fn inherits(value: &Value) -> bool {
    value.get("workspace").and_then(Value::as_bool) == Some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_of(manifest: &str) -> Findings {
        let mut findings = Findings::default();
        check_member("ah-a", &manifest.parse().unwrap(), &mut findings);
        findings
    }

    #[test]
    fn a_member_inherits_lints_and_versions() {
        let inheriting = "[lints]\nworkspace = true\n\n[dependencies]\nserde.workspace = true\n\
                          tokio = { workspace = true, features = [\"rt\"] }\n";
        assert_eq!(findings_of(inheriting), Findings::default());
        let own = "[dev-dependencies]\nserde = \"1\"\n[target.'cfg(unix)'.dependencies]\na = \"1\"";
        assert_eq!(findings_of(own).lines().len(), 3);
    }
}
