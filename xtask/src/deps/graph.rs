//! The dependency graph, as much of `cargo metadata` as the rules ask for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use anyhow::Context;
use serde_json::Value;

/// What a declared dependency is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The crate itself.
    Normal,
    /// Its tests, examples and benchmarks.
    Development,
    /// Its build script.
    Build,
}

/// A line of a manifest's dependency table.
#[derive(Clone, Debug)]
pub(crate) struct Declared {
    /// What the manifest calls it.
    pub(crate) name: String,
    /// What it is for.
    pub(crate) kind: Kind,
}

/// A package of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    /// Its name.
    pub(crate) name: String,
    /// Its manifest, by absolute path.
    pub(crate) manifest: PathBuf,
    /// What its manifest declares.
    pub(crate) declared: Vec<Declared>,
    /// The ids of the packages that it links, by normal dependencies alone.
    links: Vec<String>,
    is_member: bool,
}

/// Every package, by cargo's id for it.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<String, Package>);

impl Graph {
    /// Reads what `cargo metadata` printed.
    pub(crate) fn from_metadata(metadata: &Value) -> anyhow::Result<Self> {
        let members: BTreeSet<&str> = list(metadata, "workspace_members")?
            .iter()
            .filter_map(Value::as_str)
            .collect();
        let mut packages = BTreeMap::new();
        for package in list(metadata, "packages")? {
            let id = text(package, "id")?;
            let declared = list(package, "dependencies")?
                .iter()
                .map(declared)
                .collect::<anyhow::Result<_>>()?;
            packages.insert(
                id.to_owned(),
                Package {
                    name: text(package, "name")?.to_owned(),
                    manifest: text(package, "manifest_path")?.into(),
                    declared,
                    links: Vec::new(),
                    is_member: members.contains(id),
                },
            );
        }
        for node in list(&metadata["resolve"], "nodes")? {
            let package = packages
                .get_mut(text(node, "id")?)
                .context("cargo metadata resolves a package that it does not list")?;
            for dependency in list(node, "deps")? {
                let normal = list(dependency, "dep_kinds")?
                    .iter()
                    .any(|kind| kind["kind"].is_null());
                if normal {
                    package.links.push(text(dependency, "pkg")?.to_owned());
                }
            }
        }
        Ok(Self(packages))
    }

    /// The workspace's own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.0.values().filter(|package| package.is_member)
    }

    /// The shortest chain of names by which `from` comes to link a package that `is_target`
    /// holds of, both ends included; `None` when it links none.
    pub(crate) fn chain(
        &self,
        from: &Package,
        is_target: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        let mut frontier = vec![(from, vec![from.name.clone()])];
        while !frontier.is_empty() {
            let mut next = Vec::new();
            for (package, chain) in frontier {
                for id in &package.links {
                    let Some(linked) = self.0.get(id).filter(|_| seen.insert(id)) else {
                        continue;
                    };
                    let mut longer = chain.clone();
                    longer.push(linked.name.clone());
                    if is_target(&linked.name) {
                        return Some(longer);
                    }
                    next.push((linked, longer));
                }
            }
            frontier = next;
        }
        None
    }

    /// A graph of packages with the names that each links, for the tests of the rules.
    #[cfg(test)]
    pub(crate) fn of(packages: &[(&str, &[&str])]) -> Self {
        let package = |name: &str, links: &[&str]| Package {
            name: name.to_owned(),
            manifest: PathBuf::from(format!("/project/crates/{name}/Cargo.toml")),
            declared: links
                .iter()
                .map(|&link| Declared {
                    name: link.to_owned(),
                    kind: Kind::Normal,
                })
                .collect(),
            links: links.iter().map(|&link| link.to_owned()).collect(),
            is_member: name.starts_with("ah-"),
        };
        Self(
            packages
                .iter()
                .map(|(name, links)| ((*name).to_owned(), package(name, links)))
                .collect(),
        )
    }
}

fn declared(dependency: &Value) -> anyhow::Result<Declared> {
    let package = text(dependency, "name")?;
    Ok(Declared {
        name: dependency["rename"].as_str().unwrap_or(package).to_owned(),
        kind: match dependency["kind"].as_str() {
            None => Kind::Normal,
            Some("dev") => Kind::Development,
            Some("build") => Kind::Build,
            Some(other) => anyhow::bail!("cargo metadata names a dependency kind `{other}`"),
        },
    })
}

fn list<'a>(value: &'a Value, field: &str) -> anyhow::Result<&'a Vec<Value>> {
    value[field]
        .as_array()
        .with_context(|| format!("cargo metadata has no list `{field}` where one belongs"))
}

fn text<'a>(value: &'a Value, field: &str) -> anyhow::Result<&'a str> {
    value[field]
        .as_str()
        .with_context(|| format!("cargo metadata has no text `{field}` where one belongs"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_normal_dependencies_are_links() {
        let package = |name: &str| {
            json!({"id": name, "name": name, "manifest_path": "/p/Cargo.toml", "dependencies": [
                {"name": "tokio", "kind": "dev", "rename": null},
                {"name": "serde", "kind": null, "rename": "serde1"},
            ]})
        };
        let metadata = json!({
            "workspace_members": ["ah-a"],
            "packages": [package("ah-a"), package("serde"), package("tokio")],
            "resolve": {"nodes": [
                {"id": "ah-a", "deps": [
                    {"pkg": "serde", "dep_kinds": [{"kind": null}]},
                    {"pkg": "tokio", "dep_kinds": [{"kind": "dev"}]},
                ]},
            ]},
        });
        let graph = Graph::from_metadata(&metadata).unwrap();
        let member = graph.members().next().unwrap();
        assert_eq!(member.declared[1].name, "serde1");
        assert_eq!(member.declared[0].kind, Kind::Development);
        assert_eq!(graph.chain(member, |name| name == "tokio"), None);
        assert_eq!(
            graph.chain(member, |name| name == "serde").unwrap(),
            ["ah-a", "serde"]
        );
    }

    #[test]
    fn the_shortest_chain_is_told_and_a_circle_ends() {
        let graph = Graph::of(&[
            ("ah-a", &["b", "c"]),
            ("b", &["c", "d"]),
            ("c", &["b", "d"]),
            ("d", &["b"]),
        ]);
        let member = graph.members().next().unwrap();
        assert_eq!(
            graph.chain(member, |name| name == "d").unwrap(),
            ["ah-a", "b", "d"]
        );
        assert_eq!(graph.chain(member, |name| name == "e"), None);
    }
}
