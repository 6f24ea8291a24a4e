//! One server a state folder: a lock that the kernel gives back when its holder dies.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use ah_rest_api_contract::AccessPointFile;
use rustix::fs::FlockOperation;

use crate::auth::{FileError, read_published};

const NAME: &str = "access-point.lock";

/// The lock, held as long as this lives.
#[derive(Debug)]
pub(crate) struct HomeLock(#[expect(dead_code, reason = "it is held, and that is all")] File);

/// Why the lock cannot be had.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another server has it: the process of this id, where it says so.
    Held(Option<u32>),
    /// The file cannot be used.
    Io(io::Error),
}

impl HomeLock {
    /// Takes the lock of the state folder `home`, and says in it who has it.
    pub(crate) fn take(home: &Path) -> Result<Self, LockError> {
        let mut file = open(home).map_err(LockError::Io)?;
        if !try_lock(&file).map_err(LockError::Io)? {
            let mut holder = String::new();
            file.read_to_string(&mut holder).map_err(LockError::Io)?;
            return Err(LockError::Held(holder.trim().parse().ok()));
        }
        let mut write = || {
            file.set_len(0)?;
            file.write_all(format!("{}\n", std::process::id()).as_bytes())
        };
        write().map_err(LockError::Io)?;
        Ok(Self(file))
    }
}

fn open(home: &Path) -> io::Result<File> {
    std::fs::OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(home.join(NAME))
}

fn try_lock(file: &File) -> io::Result<bool> {
    match rustix::fs::flock(file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(true),
        Err(rustix::io::Errno::WOULDBLOCK) => Ok(false),
        Err(error) => Err(error.into()),
    }
}

/// The server that runs on the state folder `home`, if one does and has said where it is.
///
/// # Errors
/// When the state folder cannot be read.
pub fn running(home: &Path) -> Result<Option<AccessPointFile>, FileError> {
    let is_held = match File::open(home.join(NAME)) {
        // Shared, so that whoever looks at the same moment is not taken for a server.
        Ok(file) => matches!(
            rustix::fs::flock(&file, FlockOperation::NonBlockingLockShared),
            Err(rustix::io::Errno::WOULDBLOCK)
        ),
        Err(_) => false,
    };
    if is_held {
        read_published(home)
    } else {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_holder_and_it_is_named() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(running(home.path()).unwrap(), None);
        let lock = HomeLock::take(home.path()).unwrap();
        match HomeLock::take(home.path()) {
            Err(LockError::Held(pid)) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
        drop(lock);
        HomeLock::take(home.path()).unwrap();
        assert_eq!(running(home.path()).unwrap(), None);
    }
}
