//! Crates for use outside of this workspace: complete metadata, and a package that cargo can build.

use cargo_metadata::{Metadata, Package};

use crate::findings::Findings;
use crate::workspace::{self, Workspace};

/// Files that each published crate has in its folder.
const FILES: [&str; 3] = ["README.md", "LICENSE-APACHE", "LICENSE-MIT"];

/// Notes missing metadata and files of published crates, and dependencies that stay unpublished.
pub(super) fn check(metadata: &Metadata, findings: &mut Findings) {
    for package in published(metadata) {
        for (field, is_missing) in [
            ("description", package.description.is_none()),
            ("keywords", package.keywords.is_empty()),
            ("categories", package.categories.is_empty()),
            ("metadata.docs.rs", package.metadata.get("docs").is_none()),
        ] {
            if is_missing {
                findings.add(&package.name, format!("it is published without `{field}`"));
            }
        }
        let folder = package.manifest_path.parent();
        for file in FILES {
            if !folder.is_some_and(|folder| folder.join(file).is_file()) {
                findings.add(&package.name, format!("it is published without {file}"));
            }
        }
    }
}

/// Has cargo package the published crates, without building them.
pub(super) fn package(workspace: &Workspace, metadata: &Metadata) -> anyhow::Result<()> {
    let mut command = workspace.cargo();
    command.args(["package", "--quiet", "--locked", "--no-verify"]);
    // The work tree may have changes, and a lock file would need the registry.
    command.args(["--allow-dirty", "--exclude-lockfile"]);
    for package in published(metadata) {
        command.args(["--package", &package.name]);
    }
    workspace::run(&mut command)
}

fn published(metadata: &Metadata) -> impl Iterator<Item = &Package> {
    let members = metadata.workspace_packages().into_iter();
    members.filter(|package| package.publish.is_none())
}
