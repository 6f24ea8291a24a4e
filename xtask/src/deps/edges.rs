//! The edges that the dependency graph must not have.
//!
//! They keep the layers apart: a dependent of the contract links neither a web server nor a
//! database, and a second store leaves the engine untouched.

use std::path::PathBuf;

use super::graph::{Graph, Package};
use crate::findings::Findings;

/// The packages that a rule applies to.
enum Packages {
    /// Packages of these names.
    Named(&'static [&'static str]),
    /// All workspace packages except these; a final `*` matches any ending.
    AllBut(&'static [&'static str]),
}

/// The dependencies that a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reach {
    /// Those that the manifest names.
    Direct,
    /// All that are linked.
    Transitive,
}

struct Rule {
    packages: Packages,
    reach: Reach,
    /// Packages that must not be linked; a final `*` matches any ending.
    never: &'static [&'static str],
    reason: &'static str,
}

/// The workspace packages that each crate of the product may name as a normal dependency. Every
/// other edge between them is refused, and so is a crate that is not listed.
const LAYERS: &[(&str, &[&str])] = &[
    ("ah-rest-api-contract", &[]),
    ("ah-lifecycle", &["ah-rest-api-contract"]),
    ("ah-scenario", &["ah-lifecycle", "ah-rest-api-contract"]),
    ("ah-store", &["ah-lifecycle", "ah-rest-api-contract"]),
    ("ah-store-sqlite-schema", &[]),
    ("ah-sandbox", &[]),
    (
        "ah-store-sqlite",
        &["ah-rest-api-contract", "ah-store", "ah-store-sqlite-schema"],
    ),
    ("ah-executor", &["ah-lifecycle", "ah-rest-api-contract"]),
    (
        "ah-agents",
        &[
            "ah-lifecycle",
            "ah-rest-api-contract",
            "ah-sandbox",
            "ah-scenario",
        ],
    ),
    (
        "ah-recorder",
        &[
            "ah-agents",
            "ah-lifecycle",
            "ah-rest-api-contract",
            "ah-sandbox",
        ],
    ),
    ("ah-workspace", &["ah-executor", "ah-rest-api-contract"]),
    (
        "ah-executor-local",
        &[
            "ah-agents",
            "ah-executor",
            "ah-lifecycle",
            "ah-recorder",
            "ah-rest-api-contract",
            "ah-sandbox",
            "ah-workspace",
        ],
    ),
    (
        "ah-engine",
        &[
            "ah-executor",
            "ah-lifecycle",
            "ah-rest-api-contract",
            // Of the feature `testing`, whose agents play scenarios.
            "ah-scenario",
            "ah-store",
        ],
    ),
    (
        "ah-rest-server",
        &["ah-agents", "ah-rest-api-contract", "ah-store"],
    ),
    ("ah-rest-client", &["ah-rest-api-contract"]),
    (
        "ah-rest-mock-client",
        &["ah-lifecycle", "ah-rest-api-contract", "ah-scenario"],
    ),
    ("ah-conformance", &["ah-rest-api-contract"]),
    (
        "ah-cli",
        &[
            "ah-agents",
            "ah-engine",
            "ah-executor-local",
            "ah-recorder",
            "ah-rest-api-contract",
            "ah-rest-client",
            "ah-rest-server",
            "ah-sandbox",
            "ah-scenario",
            // The wiring looks whether the store is empty.
            "ah-store",
            "ah-store-sqlite",
        ],
    ),
    // It measures the product, so it may name any part.
    ("ah-bench", &["ah-*"]),
];

const RULES: &[Rule] = &[
    Rule {
        packages: Packages::Named(&["ah-rest-api-contract", "ah-lifecycle", "ah-scenario"]),
        reach: Reach::Transitive,
        never: &["tokio", "axum", "sqlx*", "reqwest", "hyper", "rustix"],
        reason: "it is pure: it and its dependents need no I/O and no runtime",
    },
    Rule {
        packages: Packages::Named(&["ah-store"]),
        reach: Reach::Transitive,
        never: &["sqlx*", "libsqlite3-sys", "axum", "reqwest"],
        reason: "it is the port of every store and knows none of them",
    },
    Rule {
        packages: Packages::Named(&["ah-engine"]),
        reach: Reach::Transitive,
        never: &["sqlx*", "libsqlite3-sys", "axum", "reqwest"],
        reason: "the engine knows neither HTTP nor SQL",
    },
    Rule {
        packages: Packages::Named(&["ah-rest-server"]),
        reach: Reach::Transitive,
        never: &["sqlx*", "ah-engine"],
        reason: "it serves any access point",
    },
    Rule {
        packages: Packages::Named(&["ah-engine", "ah-executor"]),
        reach: Reach::Transitive,
        never: &[
            "ah-agents",
            "ah-recorder",
            "ah-workspace",
            "ah-executor-local",
        ],
        reason: "the engine runs sessions through the executor's port, on any host",
    },
    Rule {
        packages: Packages::Named(&["ah-agents", "ah-recorder", "ah-workspace"]),
        reach: Reach::Transitive,
        never: &["sqlx*", "axum", "reqwest", "ah-store*", "ah-engine"],
        reason: "a recorder and a workspace outlive the access point and do not know it",
    },
    Rule {
        packages: Packages::Named(&["ah-agents"]),
        reach: Reach::Transitive,
        never: &["ah-recorder", "ah-workspace"],
        reason: "a driver translates a protocol; it runs no process of a session",
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
            "ah-recorder",
        ],
        reason: "the mock shares the rules of the engine, and none of its I/O",
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
        reason: "the suite tests implementations of the contract and knows none of them",
    },
    Rule {
        packages: Packages::AllBut(&["ah-store-*"]),
        reach: Reach::Direct,
        never: &["sqlx*"],
        reason: "only stores know SQL",
    },
    Rule {
        packages: Packages::AllBut(&["ah-store-*", "ah-bench"]),
        reach: Reach::Direct,
        never: &["libsqlite3-sys", "rusqlite"],
        reason: "SQLite is named by its store, and by the benchmark as a baseline",
    },
    Rule {
        packages: Packages::AllBut(&["ah-rest-server", "ah-bench", "fake-llm"]),
        reach: Reach::Direct,
        never: &["axum*"],
        reason: "HTTP is served by one crate, the benchmark's baseline and the tests' scripted model",
    },
    Rule {
        packages: Packages::AllBut(&[]),
        reach: Reach::Direct,
        never: &["lazy_static", "once_cell"],
        reason: "the standard library has LazyLock and OnceLock",
    },
    Rule {
        packages: Packages::AllBut(&[]),
        reach: Reach::Direct,
        never: &["fake-llm"],
        reason: "it is a development dependency, for tests only",
    },
    Rule {
        // The example shows a program that can be tried without an access point.
        packages: Packages::AllBut(&["dashboard"]),
        reach: Reach::Direct,
        never: &["ah-rest-mock-client", "ah-conformance"],
        reason: "it is a development dependency, for tests only",
    },
    Rule {
        packages: Packages::AllBut(&[
            "ah-store-*",
            "ah-cli",
            "ah-bench",
            // The example embeds an engine and wires it.
            "dashboard",
        ]),
        reach: Reach::Direct,
        never: &["ah-store-*"],
        reason: "only the wiring names a concrete store",
    },
];

/// Notes every forbidden edge with its chain.
pub(super) fn check(graph: &Graph, findings: &mut Findings) {
    for package in graph.members() {
        check_layer(graph, package, findings);
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

/// Notes the direct dependencies of `package` on other crates of the product that [`LAYERS`] does
/// not list.
fn check_layer(graph: &Graph, package: &Package, findings: &mut Findings) {
    if !package.name.starts_with("ah-") {
        return;
    }
    let Some((_, allowed)) = LAYERS.iter().find(|(name, _)| *name == package.name) else {
        findings.add(&package.name, "is not in the table of layers".to_owned());
        return;
    };
    for linked in graph.links(package) {
        if linked.starts_with("ah-") && !allowed.iter().any(|pattern| matches(pattern, linked)) {
            findings.add(
                &package.name,
                format!("must not link {linked}: the table of layers does not list the edge"),
            );
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

/// A crate that only some files of a package may name.
struct NamingRule {
    /// The folder of the package's sources.
    sources: &'static str,
    /// The crate, as a path in Rust.
    name: &'static str,
    /// The files and folders that may name it.
    permitted: &'static [&'static str],
    reason: &'static str,
}

const NAMING_RULES: &[NamingRule] = &[
    NamingRule {
        sources: "crates/ah-cli/src",
        name: "ah_store_sqlite::",
        permitted: &["local.rs"],
        reason: "only the wiring names a concrete store",
    },
    NamingRule {
        sources: "crates/ah-rest-server/src",
        name: "ah_store::",
        permitted: &["auth", "metrics.rs", "serve.rs"],
        reason: "the server uses a store only for API keys; handlers use the access point",
    },
];

/// Notes every file that names a crate that it may not name.
pub(super) fn check_names(sources: &[(PathBuf, String)], findings: &mut Findings) {
    for (file, text) in sources {
        for rule in NAMING_RULES {
            let Ok(place) = file.strip_prefix(rule.sources) else {
                continue;
            };
            let is_permitted = rule.permitted.iter().any(|path| place.starts_with(path));
            if !is_permitted && text.contains(rule.name) {
                let name = rule.name.trim_end_matches("::");
                findings.add(
                    file.display(),
                    format!("must not name {name}: {}", rule.reason),
                );
            }
        }
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
    fn the_contract_links_no_runtime_even_through_another_package() {
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
    fn an_edge_that_no_layer_lists_is_refused() {
        let findings = findings_of(&[("ah-lifecycle", &["ah-store"]), ("ah-store", &[])]);
        assert_eq!(findings.lines().len(), 1, "{findings:?}");
        let unknown = findings_of(&[("ah-unknown", &[])]);
        assert_eq!(unknown.lines().len(), 1, "{unknown:?}");
    }

    #[test]
    fn the_engine_links_no_host_even_through_the_port() {
        let findings = findings_of(&[
            ("ah-engine", &["ah-executor"]),
            ("ah-executor", &["ah-workspace"]),
            ("ah-workspace", &[]),
        ]);
        // The engine, the port, and the edge of the port that no layer lists.
        assert_eq!(findings.lines().len(), 3, "{findings:?}");
    }

    #[test]
    fn the_engine_links_no_sql() {
        let findings = findings_of(&[("ah-engine", &["sqlx-core"]), ("sqlx-core", &[])]);
        // Once as the engine, and once as a crate that is not a store.
        assert_eq!(findings.lines().len(), 2, "{findings:?}");
    }

    #[test]
    fn a_direct_rule_permits_transitive_links() {
        let findings = findings_of(&[
            ("ah-cli", &["ah-store-sqlite"]),
            ("ah-store-sqlite", &["sqlx"]),
            ("sqlx", &["libsqlite3-sys"]),
            ("libsqlite3-sys", &[]),
        ]);
        assert_eq!(findings, Findings::default());
    }

    #[test]
    fn only_the_wiring_names_a_store() {
        let findings = findings_of(&[
            ("ah-agents", &["ah-store-sqlite"]),
            ("ah-store-sqlite", &[]),
        ]);
        // Neither the layers, the rule of the crate, nor that of the wiring permit it.
        assert_eq!(findings.lines().len(), 3, "{findings:?}");
    }

    #[test]
    fn a_crate_is_named_only_in_the_permitted_files() {
        let findings_in = |file: &str, text: &str| {
            let mut findings = Findings::default();
            check_names(&[(PathBuf::from(file), text.to_owned())], &mut findings);
            findings.lines().len()
        };
        let sqlite = "ah_store_sqlite::open()";
        assert_eq!(findings_in("crates/ah-cli/src/local.rs", sqlite), 0);
        assert_eq!(findings_in("crates/ah-cli/src/task.rs", sqlite), 1);
        assert_eq!(findings_in("crates/ah-cli/tests/local.rs", sqlite), 0);
        let store = "use ah_store::Keys;";
        assert_eq!(
            findings_in("crates/ah-rest-server/src/auth/keys.rs", store),
            0
        );
        assert_eq!(
            findings_in("crates/ah-rest-server/src/api/v1/drafts.rs", store),
            1
        );
    }
}
