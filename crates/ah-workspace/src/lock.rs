//! Locks that hold between processes.

use std::fs::{File, TryLockError};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::sync::oneshot;

use crate::WorkspaceError;

/// How often a lock file may be found removed by its last holder before it is given up.
const RETRIES_MAX: u32 = 16;

/// An exclusive lock on a file (`flock`), held until this and every share of it is closed. A
/// process that dies closes it.
#[derive(Debug)]
pub(crate) struct FileLock {
    file: File,
    path: PathBuf,
}

impl FileLock {
    /// Waits for the lock on `path`, a file that is made when it is missing.
    pub(crate) async fn acquire(path: &Path, wait: Duration) -> Result<Self, WorkspaceError> {
        let (sender, receiver) = oneshot::channel();
        let wanted = path.to_owned();
        // A thread of its own rather than the runtime's pool: a runtime that shuts down waits for
        // its pool, and this wait is another process's to end.
        std::thread::Builder::new()
            .name("file-lock".to_owned())
            .spawn(move || {
                // When the receiver is gone, the lock comes back and is dropped, which frees it.
                drop(sender.send(lock(&wanted)));
            })
            .map_err(WorkspaceError::file("start waiting for", path))?;
        match tokio::time::timeout(wait, receiver).await {
            Ok(Ok(locked)) => locked.map_err(WorkspaceError::file("lock", path)),
            Ok(Err(_)) | Err(_) => Err(WorkspaceError::Busy {
                path: path.to_owned(),
                waited: wait,
            }),
        }
    }

    /// Returns the lock if no other process or task has it. Does not wait.
    pub(crate) fn try_acquire(path: &Path) -> std::io::Result<Option<Self>> {
        let file = open(path)?;
        match file.try_lock() {
            Ok(()) if file.metadata()?.nlink() > 0 => Ok(Some(Self {
                file,
                path: path.to_owned(),
            })),
            // The last holder has just removed the file.
            Ok(()) | Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Another handle on the same lock.
    pub(crate) fn share(&self) -> Result<File, WorkspaceError> {
        self.file
            .try_clone()
            .map_err(WorkspaceError::file("share the lock", &self.path))
    }

    /// Removes the lock's file while it is held, because what it guarded is gone for good.
    pub(crate) fn remove_file(self) -> Result<(), WorkspaceError> {
        std::fs::remove_file(&self.path).map_err(WorkspaceError::file("remove", &self.path))
    }
}

fn open(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    let options = options.read(true).write(true);
    options.create(true).truncate(false).open(path)
}

fn lock(path: &Path) -> std::io::Result<FileLock> {
    for _ in 0..RETRIES_MAX {
        let file = open(path)?;
        file.lock()?;
        // The last holder may have removed the file between our opening and our locking it; the
        // next one would then lock another file of the same name.
        if file.metadata()?.nlink() > 0 {
            return Ok(FileLock {
                file,
                path: path.to_owned(),
            });
        }
    }
    Err(std::io::Error::other("the file was removed repeatedly"))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::FileLock;
    use crate::WorkspaceError;

    const LONG: Duration = Duration::from_secs(10);

    #[tokio::test]
    async fn shared_handle_keeps_the_lock_until_closed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let lock = FileLock::acquire(&path, LONG).await.unwrap();
        let share = lock.share().unwrap();
        drop(lock);
        let refused = FileLock::acquire(&path, Duration::from_millis(20)).await;
        assert!(matches!(refused, Err(WorkspaceError::Busy { .. })));
        drop(share);
        FileLock::acquire(&path, LONG).await.unwrap();
    }

    #[tokio::test]
    async fn waiter_for_a_removed_lock_locks_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.lock");
        let first = FileLock::acquire(&path, LONG).await.unwrap();
        #[expect(clippy::disallowed_methods, reason = "the test joins it")]
        let waiting = tokio::spawn({
            let path = path.clone();
            async move { FileLock::acquire(&path, LONG).await }
        });
        first.remove_file().unwrap();
        let second = waiting.await.unwrap().unwrap();
        assert!(path.exists());
        second.remove_file().unwrap();
    }
}
