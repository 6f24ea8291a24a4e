//! The paths of a scenario, which refer to the workspace.

use std::path::{Component, Path, PathBuf};

/// The workspace of the agent.
#[derive(Clone, Debug)]
pub(super) struct AgentFolder {
    root: PathBuf,
}

/// The error of a path that is outside of the workspace.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a path inside the workspace")]
pub(super) struct Outside(String);

impl AgentFolder {
    pub(super) const fn at(root: PathBuf) -> Self {
        Self { root }
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Resolves a path of the workspace. It need not exist; its existing part must not escape the
    /// workspace through a symbolic link.
    pub(super) fn resolve(&self, path: &str) -> Result<PathBuf, Outside> {
        let outside = || Outside(path.to_owned());
        let stays = Path::new(path)
            .components()
            .all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if path.is_empty() || !stays {
            return Err(outside());
        }
        let resolved = self.root.join(path);
        let root = self.root.canonicalize().map_err(|_| outside())?;
        let existing = resolved
            .ancestors()
            .find_map(|ancestor| ancestor.canonicalize().ok())
            .ok_or_else(outside)?;
        // A dangling link does not canonicalize, and a write through it would create its target.
        if !existing.starts_with(&root) || resolved.is_symlink() && !resolved.exists() {
            return Err(outside());
        }
        Ok(resolved)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_inside() {
        let folder = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/", folder.path().join("out")).unwrap();
        std::os::unix::fs::symlink("/nowhere", folder.path().join("dangling")).unwrap();
        let workspace = AgentFolder::at(folder.path().to_owned());
        for path in [".", "a", "./a/b.txt"] {
            assert!(workspace.resolve(path).is_ok(), "{path}");
        }
        for path in [
            "",
            "/etc/passwd",
            "..",
            "a/../../b",
            "out/etc/passwd",
            "out",
            "dangling",
        ] {
            assert_eq!(workspace.resolve(path), Err(Outside(path.to_owned())));
        }
    }
}
