//! At most one server per state folder, by two locks that the kernel releases with its process.
//!
//! A lock on a file in the folder moves with the folder, but a folder that is removed and created
//! again has a new file. The second lock belongs to the path: an address in the abstract namespace
//! of Unix sockets.

mod error;
mod path;

use std::fs::{File, TryLockError};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use ah_rest_api_contract::AccessPointFile;

use crate::auth::{FileError, read_published};
pub(crate) use error::LockError;
use path::PathLock;

const NAME: &str = "access-point.lock";

/// The lock of a state folder, held until this value is dropped. It precedes every use of the store:
/// a second server must not even open it.
#[derive(Debug)]
pub struct HomeLock {
    home: PathBuf,
    _file: File,
    _path: PathLock,
}

impl HomeLock {
    /// Returns the state folder.
    #[must_use]
    pub fn home(&self) -> &Path {
        &self.home
    }

    /// Takes the lock and writes the process id into its file.
    pub(crate) fn take(home: &Path) -> Result<Self, LockError> {
        let path = PathLock::take(home)?;
        let mut file = open(home).map_err(LockError::Io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut holder = String::new();
                file.read_to_string(&mut holder).map_err(LockError::Io)?;
                return Err(LockError::Held(holder.trim().parse().ok()));
            }
            Err(TryLockError::Error(error)) => return Err(LockError::Io(error)),
        }
        let mut write = || {
            file.set_len(0)?;
            file.write_all(format!("{}\n", std::process::id()).as_bytes())
        };
        match write() {
            // The lock holds without the process id, which only serves a message.
            Err(error) if error.kind() != io::ErrorKind::StorageFull => Err(LockError::Io(error)),
            _ => Ok(Self {
                home: home.to_owned(),
                _file: file,
                _path: path,
            }),
        }
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

/// Finds the address of the server that runs on the state folder `home`, once it is published.
///
/// # Errors
/// If the published file cannot be read.
pub fn running(home: &Path) -> Result<Option<AccessPointFile>, FileError> {
    let is_held = match File::open(home.join(NAME)) {
        // The lock is shared, so that two concurrent calls do not mistake each other for a server.
        Ok(file) => matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock)),
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
    fn a_lock_has_one_holder_and_names_it() {
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

    fn assert_held(home: &Path) {
        match HomeLock::take(home) {
            Err(LockError::Held(pid)) => assert_eq!(pid, Some(std::process::id())),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_lock_holds_when_its_folder_is_replaced_moved_or_linked() {
        let parent = tempfile::tempdir().unwrap();
        let home = parent.path().join("home");
        std::fs::create_dir(&home).unwrap();
        let lock = HomeLock::take(&home).unwrap();
        let moved = parent.path().join("moved");
        std::fs::rename(&home, &moved).unwrap();
        assert_held(&moved);
        std::fs::create_dir(&home).unwrap();
        assert_held(&home);
        let link = parent.path().join("link");
        std::os::unix::fs::symlink("home", &link).unwrap();
        assert_held(&link);
        // A link to another folder takes its place.
        std::fs::remove_dir(&home).unwrap();
        let target = parent.path().join("target");
        std::fs::create_dir(&target).unwrap();
        std::os::unix::fs::symlink(&target, &home).unwrap();
        assert_held(&home);
        std::fs::remove_file(&home).unwrap();
        std::fs::create_dir(&home).unwrap();
        let other = parent.path().join("other");
        std::fs::create_dir(&other).unwrap();
        HomeLock::take(&other).unwrap();
        drop(lock);
        let (_new, _moved) = (
            HomeLock::take(&home).unwrap(),
            HomeLock::take(&moved).unwrap(),
        );
    }
}
