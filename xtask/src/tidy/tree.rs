//! Every Rust source file is part of a crate. The compiler never looks at one that no `mod`
//! names, so a test in it passes for ever.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::File;
use crate::findings::Findings;

/// Notes every source file that its parent module does not declare.
pub(super) fn check(files: &[File], findings: &mut Findings) {
    let sources: BTreeMap<&Path, &str> = files
        .iter()
        .filter(|file| file.has_extension("rs"))
        .map(|file| (file.path.as_path(), file.text.as_str()))
        .collect();
    for path in sources.keys() {
        let Some(module) = module_of(path) else {
            continue;
        };
        let declared = parents_of(path)
            .iter()
            .filter_map(|parent| sources.get(parent.as_path()))
            .any(|text| declares(text, &module));
        if !declared {
            findings.add(
                path.display(),
                format!("no `mod {module};` makes it part of a crate"),
            );
        }
    }
}

/// The name of the module that a file is; `None` for the root file of a target.
fn module_of(path: &Path) -> Option<String> {
    let stem = path.file_stem()?.to_str()?;
    let folder = path.parent()?.file_name()?.to_str()?;
    let is_root = matches!(stem, "main" | "lib" | "build")
        || matches!(folder, "tests" | "examples" | "benches" | "bin");
    (!is_root).then(|| if stem == "mod" { folder } else { stem }.to_owned())
}

/// The files that may declare it: `a/lib.rs`, `a/main.rs`, `a/mod.rs` or `a.rs` for `a/b.rs`.
fn parents_of(path: &Path) -> Vec<PathBuf> {
    let mut folder = path.parent();
    if path.ends_with("mod.rs") {
        folder = folder.and_then(Path::parent);
    }
    let Some(folder) = folder else {
        return Vec::new();
    };
    ["lib.rs", "main.rs", "mod.rs"]
        .into_iter()
        .map(|name| folder.join(name))
        .chain([folder.with_extension("rs")])
        .collect()
}

fn declares(text: &str, module: &str) -> bool {
    text.lines().any(|line| {
        line.trim()
            .strip_suffix(';')
            .and_then(|line| line.strip_suffix(module))
            .is_some_and(|before| before.ends_with("mod "))
    })
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;

    #[test]
    fn a_file_that_no_module_declares_is_noted() {
        let files = [
            file("crates/a/src/lib.rs", "pub(crate) mod b;\n// mod d\n"),
            file("crates/a/src/b.rs", "#[cfg(test)]\nmod tests;\nmod c;\n"),
            file("crates/a/src/b/c.rs", ""),
            file("crates/a/src/b/tests.rs", ""),
            file("crates/a/src/d.rs", ""),
            file("crates/a/tests/it/main.rs", "mod support;\n"),
            file("crates/a/tests/it/support/mod.rs", ""),
            file("crates/a/tests/it/forgotten.rs", ""),
        ];
        let mut findings = Findings::default();
        check(&files, &mut findings);
        assert_eq!(
            findings.lines(),
            [
                "crates/a/src/d.rs: no `mod d;` makes it part of a crate",
                "crates/a/tests/it/forgotten.rs: no `mod forgotten;` makes it part of a crate",
            ]
        );
    }
}
