//! The dependency graph that the rules are checked against.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;
use cargo_metadata::{DependencyKind, Metadata, PackageId};

/// A package of the graph.
#[derive(Clone, Debug)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// The ids of its normal dependencies.
    links: Vec<PackageId>,
    is_member: bool,
}

/// All packages of the workspace's dependency graph, by id.
#[derive(Debug, Default)]
pub(crate) struct Graph(BTreeMap<PackageId, Package>);

impl Graph {
    /// Builds the graph of resolved dependencies.
    pub(crate) fn new(metadata: &Metadata) -> anyhow::Result<Self> {
        let resolve = metadata.resolve.as_ref();
        let nodes = &resolve.context("cargo metadata resolved nothing")?.nodes;
        let package = |node: &cargo_metadata::Node| {
            let links = node.deps.iter().filter(|dependency| {
                let mut kinds = dependency.dep_kinds.iter();
                kinds.any(|kind| kind.kind == DependencyKind::Normal)
            });
            Package {
                name: metadata[&node.id].name.to_string(),
                links: links.map(|dependency| dependency.pkg.clone()).collect(),
                is_member: metadata.workspace_members.contains(&node.id),
            }
        };
        Ok(Self(
            nodes
                .iter()
                .map(|node| (node.id.clone(), package(node)))
                .collect(),
        ))
    }

    /// The workspace's own packages.
    pub(crate) fn members(&self) -> impl Iterator<Item = &Package> {
        self.0.values().filter(|package| package.is_member)
    }

    /// The names of the direct dependencies of `package`.
    pub(crate) fn links(&self, package: &Package) -> impl Iterator<Item = &str> {
        let links = package.links.iter().filter_map(|id| self.0.get(id));
        links.map(|linked| linked.name.as_str())
    }

    /// Finds the shortest chain of names from `from` to a linked package that `is_target` accepts.
    ///
    /// Both ends are included. Returns `None` when no such package is linked.
    pub(crate) fn chain(
        &self,
        from: &Package,
        is_target: impl Fn(&str) -> bool,
    ) -> Option<Vec<String>> {
        let mut seen: BTreeSet<&PackageId> = BTreeSet::new();
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

    /// Builds a graph from package names and the names that each links, for tests of the rules.
    #[cfg(test)]
    pub(crate) fn of(packages: &[(&str, &[&str])]) -> Self {
        let id = |name: &str| PackageId {
            repr: name.to_owned(),
        };
        let package = |name: &str, links: &[&str]| Package {
            name: name.to_owned(),
            links: links.iter().map(|&link| id(link)).collect(),
            is_member: name.starts_with("ah-"),
        };
        Self(
            packages
                .iter()
                .map(|(name, links)| (id(name), package(name, links)))
                .collect(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_normal_dependencies_are_links() {
        let metadata = cargo_metadata::MetadataCommand::new()
            .other_options(["--locked".to_owned()])
            .exec()
            .unwrap();
        let graph = Graph::new(&metadata).unwrap();
        let member = |name: &str| {
            graph
                .members()
                .find(|package| package.name == name)
                .unwrap()
        };
        assert_eq!(
            graph.chain(member("ah-engine"), |name| name == "ah-conformance"),
            None,
            "a development dependency is no link"
        );
        assert_eq!(
            graph
                .chain(member("xtask"), |name| name == "cargo_metadata")
                .unwrap(),
            ["xtask", "cargo_metadata"]
        );
    }

    #[test]
    fn shortest_chain_is_found_despite_cycles() {
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
