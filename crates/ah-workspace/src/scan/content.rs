//! Opens the files of a folder that another program may change meanwhile.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use rustix::fd::{AsFd, OwnedFd};
use rustix::fs::{Mode, OFlags, ResolveFlags};
use rustix::io::Errno;

/// Opens a path below `top` for reading. No link is followed, and a pipe is not waited for.
pub(super) fn open(top: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let flags = flags | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC | OFlags::NOCTTY;
    let within = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    match rustix::fs::openat2(&top, path, flags, Mode::empty(), within) {
        // A sandbox that does not know the call. Then every folder is opened in turn.
        Err(Errno::NOSYS) => open_by_parts(top, path, flags),
        result => Ok(result?),
    }
}

fn open_by_parts(top: impl AsFd, path: &Path, flags: OFlags) -> io::Result<OwnedFd> {
    let folder = OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mut at = rustix::fs::openat(&top, ".", folder, Mode::empty())?;
    let mut parts = path.iter().peekable();
    while let Some(part) = parts.next() {
        if part == ".." || part == "/" {
            return Err(Errno::XDEV.into());
        }
        let flags = if parts.peek().is_some() {
            folder
        } else {
            flags
        };
        at = rustix::fs::openat(&at, part, flags, Mode::empty())?;
    }
    Ok(at)
}

/// Reads a regular file of at most `limit` bytes below `top`. `None` if it is larger.
pub(crate) fn read_file(top: impl AsFd, path: &Path, limit: u64) -> io::Result<Option<Vec<u8>>> {
    let file = File::from(open(top, path, OFlags::RDONLY)?);
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    // A sparse file can be much larger than what it holds, so it is judged before it is read.
    if found.len() > limit {
        return Ok(None);
    }
    let mut content = Vec::new();
    let read = file.take(limit + 1).read_to_end(&mut content)?;
    Ok((read as u64 <= limit).then_some(content))
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn both_ways_of_opening_stay_within_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let top = folder.path().join("top");
        fs::create_dir_all(top.join("a")).unwrap();
        fs::write(top.join("a/b"), "inside").unwrap();
        fs::write(folder.path().join("secret"), "outside").unwrap();
        symlink("../secret", top.join("link")).unwrap();
        symlink("..", top.join("up")).unwrap();
        let fd = File::open(&top).unwrap();
        for path in ["a/b", "link", "up/secret", "../secret", "up/top/a/b"] {
            let path = Path::new(path);
            let by_call = open(&fd, path, OFlags::RDONLY).is_ok();
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW;
            let by_parts = open_by_parts(&fd, path, flags).is_ok();
            let expected = path == Path::new("a/b");
            assert_eq!((by_call, by_parts), (expected, expected), "{path:?}");
        }
        assert_eq!(read_file(&fd, Path::new("a/b"), 5).unwrap(), None);
        let whole = read_file(&fd, Path::new("a/b"), 6).unwrap();
        assert_eq!(whole.as_deref(), Some(&b"inside"[..]));
    }
}
