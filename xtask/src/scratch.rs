//! Folders for a while.

use std::fs;
use std::path::{Path, PathBuf};
use std::process;

use anyhow::Context as _;

/// A folder that is gone when it is dropped.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// A new folder for the task `name`.
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
            eprintln!("xtask: {} is left behind: {error}", self.0.display());
        }
    }
}
