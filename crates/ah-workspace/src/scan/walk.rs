//! Walks the folder of a workspace from the top.

use std::ffi::OsStr;
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, Dir, FileType, OFlags, Stat};
use rustix::io::Errno;
use sha1::Digest as _;

use super::content::{self, read_file};
use super::left_out::{LeftOut, Reason};
use super::{Bounds, Difference, Start, TRACKED_FACTOR};
use crate::ignored::Patterns;
use crate::index::{Entry, Kind, Stamp};
use crate::refs;

/// The maximum size of a `.gitignore`, in bytes.
const PATTERNS_BYTES_MAX: u64 = 1 << 20;
/// The number of entries between two looks at the clock.
const CHECK_EVERY: usize = 512;
/// The maximum number of things that are named as left out.
const LEFT_OUT_MAX: usize = 10_000;

/// A folder to read.
struct Folder {
    path: Vec<u8>,
    /// The patterns of its parents.
    patterns: Patterns,
    /// True if it is ignored and read only for its tracked files.
    is_ignored: bool,
    /// The length of the path of the innermost repository within the workspace that contains it.
    nested: Option<usize>,
}

pub(super) struct Walk<'a> {
    top: &'a OwnedFd,
    path: &'a Path,
    start: &'a Start,
    bounds: Bounds,
    interrupted: &'a AtomicBool,
    began: Instant,
    entries: usize,
    bytes: u64,
    /// For each tracked file, true if it is dealt with.
    seen: Vec<bool>,
    known: Vec<&'a [u8]>,
    folders: Vec<Folder>,
    differences: Vec<Difference>,
    left_out: Vec<LeftOut>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(
        top: &'a OwnedFd,
        path: &'a Path,
        start: &'a Start,
        bounds: Bounds,
        interrupted: &'a AtomicBool,
    ) -> Self {
        let mut known: Vec<&[u8]> = start.known.iter().map(Vec::as_slice).collect();
        known.sort_unstable();
        Self {
            top,
            path,
            start,
            bounds,
            interrupted,
            began: Instant::now(),
            entries: 0,
            bytes: 0,
            seen: vec![false; start.entries.len()],
            known,
            folders: Vec::new(),
            differences: Vec::new(),
            left_out: Vec::new(),
        }
    }

    pub(super) fn run(&mut self) {
        self.folders.push(Folder {
            path: Vec::new(),
            patterns: self.start.patterns.clone(),
            is_ignored: false,
            nested: None,
        });
        while let Some(folder) = self.folders.pop() {
            if self.is_used_up() {
                self.leave_folder(&folder.path, Reason::Unfinished);
            } else if let Err(error) = self.read(&folder)
                && error.kind() != io::ErrorKind::NotFound
            {
                self.leave_folder(&folder.path, Reason::Unreadable);
            }
        }
    }

    /// Returns the differences in order of their paths, and what is left out.
    pub(super) fn finish(mut self) -> (Vec<Difference>, Vec<LeftOut>) {
        let gone = self.start.entries.iter().zip(&self.seen);
        let gone = gone.filter(|(_, is_seen)| !**is_seen);
        let gone: Vec<_> = gone
            .map(|(entry, _)| Difference::Gone(entry.path.clone()))
            .collect();
        self.differences.extend(gone);
        self.differences.sort_by(|a, b| path_of(a).cmp(path_of(b)));
        (self.differences, self.left_out)
    }

    fn is_used_up(&self) -> bool {
        self.entries >= self.bounds.entries
            || self.interrupted.load(Ordering::Relaxed)
            || self.began.elapsed() >= self.bounds.time
    }

    fn leave(&mut self, path: &[u8], reason: Reason) {
        if self.left_out.len() < LEFT_OUT_MAX {
            self.left_out.push(LeftOut {
                path: path.to_owned(),
                reason,
            });
        }
    }

    /// Leaves out a folder. Its tracked files count as unchanged, since they are not known to be
    /// gone.
    fn leave_folder(&mut self, path: &[u8], reason: Reason) {
        for place in self.tracked_below(path) {
            self.seen[place] = true;
        }
        self.leave(path, reason);
    }

    fn read(&mut self, folder: &Folder) -> io::Result<()> {
        let path = match folder.path.as_slice() {
            [] => b".",
            path => path,
        };
        let opened = content::open(
            self.top,
            Path::new(OsStr::from_bytes(path)),
            OFlags::RDONLY | OFlags::DIRECTORY,
        )?;
        let mut found = Vec::new();
        for entry in Dir::read_from(&opened)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                found.push((name.to_vec(), entry.file_type()));
            }
            self.entries += 1;
            if self.entries.is_multiple_of(CHECK_EVERY) && self.is_used_up() {
                self.leave_folder(&folder.path, Reason::Unfinished);
                return Ok(());
            }
        }
        let has = |name: &[u8]| found.iter().any(|(it, _)| it == name);
        let nested = if !folder.path.is_empty() && has(b".git") {
            self.leave(&folder.path, Reason::Nested);
            Some(folder.path.len() + 1)
        } else {
            folder.nested
        };
        let mut patterns = folder.patterns.clone();
        if has(b".gitignore") {
            let file = Path::new(OsStr::from_bytes(b".gitignore"));
            if let Ok(Some(content)) = read_file(&opened, file, PATTERNS_BYTES_MAX) {
                patterns.add(Path::new(OsStr::from_bytes(&folder.path)), &content);
            }
        }
        let folder = Folder {
            patterns,
            nested,
            path: folder.path.clone(),
            is_ignored: folder.is_ignored,
        };
        for (count, (name, kind)) in found.into_iter().enumerate() {
            if count.is_multiple_of(CHECK_EVERY) && self.is_used_up() {
                self.leave_folder(&folder.path, Reason::Unfinished);
                return Ok(());
            }
            self.visit(&opened, &folder, &name, kind);
        }
        Ok(())
    }

    fn visit(&mut self, opened: &OwnedFd, folder: &Folder, name: &[u8], kind: FileType) {
        let path = join(&folder.path, name);
        if name.eq_ignore_ascii_case(b".git") {
            if name != b".git" {
                self.leave(&path, Reason::Name);
            }
            return;
        }
        let stat = match kind {
            // Folders need no further look.
            FileType::Directory => None,
            _ => match rustix::fs::statat(opened, name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(stat) => Some(stat),
                Err(Errno::NOENT) => return,
                Err(_) => {
                    self.see(&path);
                    return self.leave(&path, Reason::Unreadable);
                }
            },
        };
        let kind = stat.map_or(kind, |stat| FileType::from_raw_mode(stat.st_mode));
        let tracked = self.place_of(&path);
        if kind == FileType::Directory {
            return self.visit_folder(folder, path, tracked);
        }
        let is_known = tracked.is_some() || self.known.binary_search(&&*path).is_ok();
        let is_ignored = || {
            folder.is_ignored
                || folder
                    .patterns
                    .has(Path::new(OsStr::from_bytes(&path)), false)
        };
        if !is_known && is_ignored() {
            return;
        }
        match (kind, stat) {
            (FileType::RegularFile, Some(stat)) => self.visit_file(folder, path, tracked, &stat),
            (FileType::Symlink, Some(stat)) => self.visit_link(name, path, tracked, &stat),
            // A tracked file that became a pipe is gone.
            _ => self.leave(&path, Reason::Special),
        }
    }

    fn visit_folder(&mut self, folder: &Folder, path: Vec<u8>, tracked: Option<usize>) {
        if let Some(place) = tracked
            && self.start.entries[place].kind == Kind::Commit
        {
            self.seen[place] = true;
            return self.visit_submodule(path, place);
        }
        let is_ignored = folder.is_ignored
            || folder
                .patterns
                .has(Path::new(OsStr::from_bytes(&path)), true);
        if is_ignored && !self.has_known_below(&path) {
            return;
        }
        self.folders.push(Folder {
            path,
            patterns: folder.patterns.clone(),
            is_ignored,
            nested: folder.nested,
        });
    }

    fn visit_submodule(&mut self, path: Vec<u8>, place: usize) {
        let at = self.path.join(OsStr::from_bytes(&path));
        // Without a `.git` it is not filled.
        let Some(git_dir) = git_dir_of(&at) else {
            return;
        };
        self.leave(&path, Reason::Submodule);
        let before = hex(&self.start.entries[place].id);
        if let Some(id) = refs::head_commit(&git_dir)
            && id != before
        {
            self.differences.push(Difference::Commit { path, id });
        }
    }

    fn visit_file(&mut self, folder: &Folder, path: Vec<u8>, tracked: Option<usize>, stat: &Stat) {
        let is_executable = stat.st_mode & 0o100 != 0;
        if let Some(place) = tracked {
            self.seen[place] = true;
            let kind = if is_executable {
                Kind::Executable
            } else {
                Kind::File
            };
            let entry = &self.start.entries[place];
            if entry.kind == kind && self.is_unchanged(entry, stat) {
                return;
            }
        }
        let is_tracked = tracked.is_some();
        let factor = if is_tracked { TRACKED_FACTOR } else { 1 };
        let limit = self.bounds.file_bytes.saturating_mul(factor);
        let size = u64::try_from(stat.st_size).unwrap_or_default();
        if size > limit {
            return self.leave(&path, Reason::TooLarge(limit));
        }
        if let Some(nested) = folder.nested
            && self.is_copy(&path, nested, size)
        {
            return;
        }
        if self.bytes.saturating_add(size) > self.bounds.total_bytes {
            return self.leave(&path, Reason::Full(self.bounds.total_bytes));
        }
        self.bytes = self.bytes.saturating_add(size);
        self.differences.push(Difference::File {
            path,
            is_executable,
            is_tracked,
        });
    }

    fn visit_link(&mut self, name: &[u8], path: Vec<u8>, tracked: Option<usize>, stat: &Stat) {
        if let Some(place) = tracked {
            self.seen[place] = true;
            let entry = &self.start.entries[place];
            if entry.kind == Kind::Link && self.is_unchanged(entry, stat) {
                return;
            }
        }
        if name.eq_ignore_ascii_case(b".gitmodules") {
            return self.leave(&path, Reason::Name);
        }
        self.differences.push(Difference::Link(path));
    }

    /// Returns true for a file of a repository within the workspace that the start has at the same
    /// place, as in a worktree of the workspace.
    fn is_copy(&self, path: &[u8], nested: usize, size: u64) -> bool {
        let Some(entry) = path.get(nested..).and_then(|path| self.place_of(path)) else {
            return false;
        };
        let entry = &self.start.entries[entry];
        if u64::from(entry.stamp.size) != size || entry.kind == Kind::Commit {
            return false;
        }
        let path = Path::new(OsStr::from_bytes(path));
        let content = read_file(self.top, path, self.bounds.file_bytes);
        content.is_ok_and(|content| {
            content.is_some_and(|content| blob_id(&content, entry.id.len()) == entry.id)
        })
    }

    fn is_unchanged(&self, entry: &Entry, stat: &Stat) -> bool {
        let stamp = stamp_of(stat);
        // A file that is as new as the index may have changed within the same tick of the clock.
        let newest = stamp.changed.max(stamp.modified);
        stamp == entry.stamp && newest < self.start.written
    }

    fn see(&mut self, path: &[u8]) {
        if let Some(place) = self.place_of(path) {
            self.seen[place] = true;
        }
    }

    fn place_of(&self, path: &[u8]) -> Option<usize> {
        let entries = &self.start.entries;
        entries
            .binary_search_by(|entry| entry.path.as_slice().cmp(path))
            .ok()
    }

    /// Returns the places of the tracked files in a folder.
    fn tracked_below(&self, folder: &[u8]) -> std::ops::Range<usize> {
        let entries = &self.start.entries;
        if folder.is_empty() {
            return 0..entries.len();
        }
        let prefix = join(folder, b"");
        let from = entries.partition_point(|entry| entry.path.as_slice() < prefix.as_slice());
        let count = entries[from..].partition_point(|entry| entry.path.starts_with(&prefix));
        from..from + count
    }

    fn has_known_below(&self, folder: &[u8]) -> bool {
        let prefix = join(folder, b"");
        let from = self.known.partition_point(|path| *path < prefix.as_slice());
        let is_below = |path: &&[u8]| path.starts_with(&prefix);
        !self.tracked_below(folder).is_empty() || self.known.get(from).is_some_and(is_below)
    }
}

/// Returns the path of a difference.
fn path_of(difference: &Difference) -> &[u8] {
    match difference {
        Difference::Gone(path)
        | Difference::File { path, .. }
        | Difference::Link(path)
        | Difference::Commit { path, .. } => path,
    }
}

fn join(folder: &[u8], name: &[u8]) -> Vec<u8> {
    match folder {
        [] => name.to_vec(),
        folder => [folder, b"/", name].concat(),
    }
}

/// Returns the state of a file as the index has it: the lower 32 bits of each number.
pub(super) fn stamp_of(stat: &Stat) -> Stamp {
    Stamp {
        changed: (stat.st_ctime as u32, stat.st_ctime_nsec as u32),
        modified: (stat.st_mtime as u32, stat.st_mtime_nsec as u32),
        inode: stat.st_ino as u32,
        size: stat.st_size as u32,
    }
}

/// Returns the id of a file's content, whose length tells the hash function.
fn blob_id(content: &[u8], length: usize) -> Vec<u8> {
    let head = format!("blob {}\0", content.len());
    match length {
        20 => {
            let mut hash = sha1::Sha1::new();
            hash.update(head);
            hash.update(content);
            hash.finalize().to_vec()
        }
        _ => {
            let mut hash = sha2::Sha256::new();
            hash.update(head);
            hash.update(content);
            hash.finalize().to_vec()
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns the git folder of the repository at `path`, if it is one.
fn git_dir_of(path: &Path) -> Option<PathBuf> {
    let git = path.join(".git");
    if crate::folder::is_folder(&git) {
        return Some(git);
    }
    let link = refs::read_file(&git, 4096).ok()?;
    let target = link.strip_prefix(b"gitdir: ")?.trim_ascii_end();
    Some(path.join(OsStr::from_bytes(target)))
}
