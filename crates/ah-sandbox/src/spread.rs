//! The permission of a folder without parts of it.
//!
//! Landlock permits whole trees and has no exceptions. A tree with a denied part is therefore spread
//! into the trees beside that part.

use std::fs;
use std::path::{Path, PathBuf};

/// The maximum number of trees that stand for one. A folder with more entries beside a denied one is
/// not permitted beyond them.
const TREES_MAX: usize = 4096;

/// Returns trees that together are `tree` without the `denied` paths and their ancestors. Everything
/// is canonical.
pub(crate) fn spread(tree: &Path, denied: &[PathBuf]) -> Vec<PathBuf> {
    let mut trees = Vec::new();
    let mut open = vec![tree.to_owned()];
    while let Some(path) = open.pop() {
        if denied.iter().any(|part| path.starts_with(part)) {
            continue;
        }
        if !denied.iter().any(|part| part.starts_with(&path)) {
            trees.push(path);
            if trees.len() == TREES_MAX {
                break;
            }
            continue;
        }
        // What cannot be listed cannot be read either.
        for entry in fs::read_dir(&path).into_iter().flatten().flatten() {
            // A link is resolved when it is followed, and the place that it leads to is judged.
            if entry.file_type().is_ok_and(|kind| !kind.is_symlink()) {
                open.push(entry.path());
            }
        }
    }
    trees.sort();
    trees
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_permitted_beside_its_denied_parts() {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().canonicalize().unwrap();
        for path in ["a/b", "a/c/d", "a/c/e", "f"] {
            fs::create_dir_all(root.join(path)).unwrap();
        }
        std::os::unix::fs::symlink("/etc", root.join("a/link")).unwrap();
        let of = |denied: &[&str]| {
            let denied: Vec<PathBuf> = denied.iter().map(|path| root.join(path)).collect();
            let trees = spread(&root, &denied);
            let relative = |path: &PathBuf| path.strip_prefix(&root).unwrap().display().to_string();
            trees.iter().map(relative).collect::<Vec<_>>()
        };
        assert_eq!(of(&[]), [""]);
        assert_eq!(of(&["elsewhere"]), ["a", "f"]);
        assert_eq!(of(&["a/c/d"]), ["a/b", "a/c/e", "f"]);
        assert_eq!(of(&["a/c", "f"]), ["a/b"]);
        assert_eq!(of(&[""]), [""; 0]);
    }
}
