//! Finds the changes in the folder of a workspace, without git.
//!
//! The folder is an agent's. Git would follow what it finds there: filters, attributes, bits of the
//! index, repositories within, pipes that never answer. So this module compares the folder with the
//! index of the checkout, a copy that the agent has no part in, and reads regular files and links
//! only. It holds one folder open and opens everything else relative to it, without following links.
//!
//! A scan is bounded in time, in entries, and in bytes of new content. What it leaves out is named.

mod content;
mod left_out;
mod walk;

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::fs::{Mode, OFlags};

use crate::WorkspaceError;
use crate::ignored::Patterns;
use crate::index::{Entry, Kind, Stamp};

pub(crate) use content::read_file;
pub(crate) use left_out::{LeftOut, Reason, sentences};

/// The bounds of a scan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// The maximum size of a new file, in bytes.
    pub(crate) file_bytes: u64,
    /// The maximum size of all new and changed files, in bytes.
    pub(crate) total_bytes: u64,
    /// The maximum number of entries of folders.
    pub(crate) entries: usize,
    /// The maximum duration.
    pub(crate) time: Duration,
}

/// The factor by which a changed file, whose old content is stored, may exceed the limit of a new file.
pub(crate) const TRACKED_FACTOR: u64 = 8;

impl Default for Bounds {
    fn default() -> Self {
        Self {
            file_bytes: 32 << 20,
            total_bytes: 1 << 30,
            entries: 5_000_000,
            time: Duration::from_secs(60),
        }
    }
}

/// The state of a folder at its checkout.
#[derive(Clone, Debug, Default)]
pub(crate) struct Start {
    /// The tracked files, in order of their paths.
    pub(crate) entries: Vec<Entry>,
    /// The time of the index. A file that is as new may have changed unnoticed.
    pub(crate) written: (u32, u32),
    /// Further paths that are never ignored, such as those that the agent has added.
    pub(crate) known: Vec<Vec<u8>>,
    /// The patterns of ignored files for all folders.
    pub(crate) patterns: Patterns,
}

/// A difference from the checkout. Paths are relative to the top.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Difference {
    /// A tracked file is gone.
    Gone(Vec<u8>),
    /// A file is new or may have changed.
    File {
        path: Vec<u8>,
        is_executable: bool,
        is_tracked: bool,
    },
    /// A link is new or may have changed.
    Link(Vec<u8>),
    /// A submodule has another commit.
    Commit { path: Vec<u8>, id: String },
}

/// The result of a scan.
#[derive(Debug)]
pub(crate) struct Scan {
    /// The folder.
    pub(crate) top: Arc<OwnedFd>,
    pub(crate) differences: Vec<Difference>,
    pub(crate) left_out: Vec<LeftOut>,
}

/// Ends a scan early, when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    pub(crate) fn signal(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

impl Drop for Interrupt {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Scans a folder. Blocks.
pub(crate) fn scan(
    folder: &Path,
    start: &Start,
    bounds: Bounds,
    interrupted: &AtomicBool,
) -> Result<Scan, WorkspaceError> {
    let top = open_top(folder).map_err(WorkspaceError::file("open the folder", folder))?;
    let mut walk = walk::Walk::new(&top, folder, start, bounds, interrupted);
    walk.run();
    let (differences, left_out) = walk.finish();
    Ok(Scan {
        top: Arc::new(top),
        differences,
        left_out,
    })
}

/// Returns the time of the last change of a file's content, in seconds and nanoseconds.
pub(crate) fn time_of(file: &Path) -> std::io::Result<(u32, u32)> {
    Ok(walk::stamp_of(&rustix::fs::stat(file)?).modified)
}

/// Returns the state of a file.
pub(crate) fn stamp_of_file(file: &Path) -> std::io::Result<Stamp> {
    Ok(walk::stamp_of(&rustix::fs::lstat(file)?))
}

/// Returns true if every tracked file in `folder` is in the state that the index has. Blocks.
pub(crate) fn is_as_checked_out(folder: &Path, entries: &[Entry]) -> bool {
    entries.iter().all(|entry| {
        let path = folder.join(std::ffi::OsStr::from_bytes(&entry.path));
        entry.kind == Kind::Commit || stamp_of_file(&path).is_ok_and(|it| it == entry.stamp)
    })
}

fn open_top(folder: &Path) -> std::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Ok(rustix::fs::open(folder, flags, Mode::empty())?)
}

#[cfg(test)]
mod tests;
