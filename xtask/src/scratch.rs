//! Temporary folders.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::Context as _;

/// A folder that is removed on drop.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// Creates a folder for the task `name`.
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let path = std::env::temp_dir().join(format!("ah-xtask-{name}-{}", process::id()));
        fs::create_dir(&path).with_context(|| format!("make {}", path.display()))?;
        Ok(Self(path))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("xtask: {} could not be removed: {error}", self.0.display());
        }
    }
}
