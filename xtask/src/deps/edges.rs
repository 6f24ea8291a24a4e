//! The edges that the dependency graph must not have.
//!
//! They are what keeps the layers apart: whoever depends on the contract links neither a web
//! server nor a database, and a second store can be written without touching the engine.

use std::path::{Path, PathBuf};

use super::graph::{Graph, Package};
use crate::findings::Findings;

/// Which packages a rule is about.
enum Packages {
    /// Those of these names.
    Named(&'static [&'static str]),
    /// All of the workspace but those of these names, where a final `*` stands for any ending.
    AllBut(&'static [&'static str]),
}

/// Whether a rule looks at what a manifest names or at all that is linked because of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// What the manifest names.
    Direct,
    /// Everything that is linked.
    Transitive,
}

struct Rule {
    packages: Packages,
    reach: Reach,
    /// What they must not link; a final `*` stands for any ending.
    never: &'static [&'static str],
    reason: &'static str,
}

const RULES: &[Rule] = &[
    Rule {
        packages: Packages::Named(&["ah-rest-api-contract", "ah-lifecycle", "ah-scenario"]),
        reach: Reach::Transitive,
        never: &["tokio", "axum", "sqlx*", "reqwest", "hyper", "rustix"],
        reason: "it is pure: no I/O, no runtime, and so does whoever depends on it stay free",
    },
    Rule {
        packages: Packages::Named(&["ah-store"]),
        reach: Reach::Transitive,
        never: &["sqlx*", "libsqlite3-sys", "axum", "reqwest"],
        reason: "it is the port of every store, and knows none",
    },
    Rule {
        packages: Packages::Named(&["ah-engine"]),
        reach: Reach::Transitive,
        never: &["sqlx*", "libsqlite3-sys", "axum", "reqwest"],
        reason: "the engine knows neither HTTP nor SQL",
    },
    Rule {
        packages: Packages::Named(&["ah-agents", "ah-workspace"]),
        reach: Reach::Transitive,
        never: &["sqlx*", "axum", "reqwest", "ah-store*", "ah-engine"],
        reason: "a recorder and a workspace outlive the access point, and know nothing of it",
    },
    Rule {
        packages: Packages::Named(&["ah-rest-mock-client"]),
        reach: Reach::Transitive,
        never: &[
            "sqlx*",
            "axum",
            "reqwest",
            "hyper",
            "ah-store*",
            "ah-engine",
            "ah-agents",
        ],
        reason: "the mock shares the rules of the engine and nothing that runs by them",
    },
    Rule {
        packages: Packages::Named(&["ah-conformance"]),
        reach: Reach::Transitive,
        never: &[
            "sqlx*",
            "axum",
            "reqwest",
            "hyper",
            "ah-store*",
            "ah-engine",
            "ah-lifecycle",
        ],
        reason: "the contract is held against implementations, of which the suite knows none",
    },
    Rule {
        packages: Packages::AllBut(&["ah-store-*"]),
        reach: Reach::Direct,
        never: &["sqlx*"],
        reason: "SQL is the business of the stores alone",
    },
    Rule {
        packages: Packages::AllBut(&["ah-store-*", "ah-bench"]),
        reach: Reach::Direct,
        never: &["libsqlite3-sys", "rusqlite"],
        reason: "SQLite is named by its store, and by the benchmark as the baseline",
    },
    Rule {
        packages: Packages::AllBut(&["ah-rest-server", "ah-bench", "fake-llm"]),
        reach: Reach::Direct,
        never: &["axum*"],
        reason: "HTTP is served in one crate, and by the benchmark's baseline and the tests' scripted model",
    },
    Rule {
        packages: Packages::AllBut(&[]),
        reach: Reach::Direct,
        never: &["fake-llm"],
        reason: "it is for tests, as a development dependency",
    },
    Rule {
        packages: Packages::AllBut(&[
            "ah-store-*",
            "ah-cli",
            "ah-rest-server",
            "ah-bench",
            // The example embeds an engine, as whoever embeds one does.
            "dashboard",
        ]),
        reach: Reach::Direct,
        never: &["ah-store-*"],
        reason: "a store is chosen where everything is wired together, and nowhere else",
    },
];

/// Notes every forbidden edge with the chain that makes it.
pub(super) fn check(graph: &Graph, findings: &mut Findings) {
    for package in graph.members() {
        for rule in RULES.iter().filter(|rule| rule.applies_to(package)) {
            for never in rule.never {
                if let Some(chain) = rule.chain(graph, package, never) {
                    findings.add(
                        &package.name,
                        format!(
                            "must not link {never}: {}; {}",
                            rule.reason,
                            chain.join(" -> ")
                        ),
                    );
                }
            }
        }
    }
}

impl Rule {
    fn applies_to(&self, package: &Package) -> bool {
        match self.packages {
            Packages::Named(names) => names.contains(&package.name.as_str()),
            Packages::AllBut(names) => !names.iter().any(|name| matches(name, &package.name)),
        }
    }

    fn chain(&self, graph: &Graph, package: &Package, never: &str) -> Option<Vec<String>> {
        let longest = match self.reach {
            Reach::Direct => 2,
            Reach::Transitive => usize::MAX,
        };
        graph
            .chain(package, |name| matches(never, name))
            .filter(|chain| chain.len() <= longest)
    }
}

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

/// Notes when the command line names a store in more than one file: its wiring.
pub(super) fn check_wiring(sources: &[(PathBuf, String)], findings: &mut Findings) {
    let mut naming: Vec<&Path> = sources
        .iter()
        .filter(|(file, text)| {
            file.starts_with("crates/ah-cli/src") && text.contains("ah_store_sqlite::")
        })
        .map(|(file, _)| file.as_path())
        .collect();
    let wiring = naming.pop();
    for file in naming {
        findings.add(
            file.display(),
            format!(
                "names a store, which {} does already: one file wires everything together",
                wiring.map_or_else(String::new, |wiring| wiring.display().to_string())
            ),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings_of(packages: &[(&str, &[&str])]) -> Findings {
        let mut findings = Findings::default();
        check(&Graph::of(packages), &mut findings);
        findings
    }

    #[test]
    fn the_contract_links_no_runtime_even_by_way_of_another() {
        let findings = findings_of(&[
            ("ah-rest-api-contract", &["futures"]),
            ("futures", &["tokio"]),
            ("tokio", &[]),
        ]);
        let [finding] = findings.lines() else {
            panic!("{findings:?}")
        };
        assert!(
            finding.ends_with("ah-rest-api-contract -> futures -> tokio"),
            "{finding}"
        );
    }

    #[test]
    fn the_engine_links_no_sql() {
        let findings = findings_of(&[("ah-engine", &["sqlx-core"]), ("sqlx-core", &[])]);
        // Once as the engine, and once as a crate that is not a store.
        assert_eq!(findings.lines().len(), 2, "{findings:?}");
    }

    #[test]
    fn a_direct_rule_lets_pass_what_comes_by_way_of_another() {
        let findings = findings_of(&[
            ("ah-cli", &["ah-store-sqlite"]),
            ("ah-store-sqlite", &["sqlx"]),
            ("sqlx", &["libsqlite3-sys"]),
            ("libsqlite3-sys", &[]),
        ]);
        assert_eq!(findings, Findings::default());
    }

    #[test]
    fn a_store_is_named_by_the_wiring_alone() {
        let findings = findings_of(&[
            ("ah-agents", &["ah-store-sqlite"]),
            ("ah-store-sqlite", &[]),
        ]);
        assert_eq!(findings.lines().len(), 2, "{findings:?}");
        let source = |file: &str| (PathBuf::from(file), "ah_store_sqlite::open()".to_owned());
        let mut findings = Findings::default();
        check_wiring(&[source("crates/ah-cli/src/wiring.rs")], &mut findings);
        assert_eq!(findings, Findings::default());
        check_wiring(
            &[
                source("crates/ah-cli/src/task.rs"),
                source("crates/ah-cli/src/wiring.rs"),
            ],
            &mut findings,
        );
        assert_eq!(findings.lines().len(), 1);
    }
}
