//! Liveness of the engines that share a store.
//!
//! Each engine holds a file lock for as long as it lives. The kernel releases it with the process,
//! even after a kill.

use std::collections::BTreeSet;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ah_store::EngineId;

/// The lock of a live engine.
#[derive(Debug)]
pub(crate) struct Liveness {
    folder: PathBuf,
    engine: EngineId,
    /// The open file, which holds the lock.
    lock: File,
}

impl Liveness {
    /// Declares `engine` live until the returned value is dropped.
    pub(crate) fn declare(home: &Path, engine: EngineId) -> io::Result<Self> {
        let folder = home.join("engines");
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(&folder)?;
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(0o600)
            .open(lock_path(&folder, &engine))?;
        file.try_lock()?;
        Ok(Self {
            folder,
            engine,
            lock: file,
        })
    }

    /// Returns the reason that the state folder is no longer the one of this engine, if so: the path
    /// of its lock leads to another file, or to none.
    pub(crate) fn lost(&self) -> Option<String> {
        let path = lock_path(&self.folder, &self.engine);
        let held = self.lock.metadata();
        match (held, path.metadata()) {
            (Ok(held), Ok(found)) if (held.dev(), held.ino()) == (found.dev(), found.ino()) => None,
            // Other errors can pass.
            (_, Err(error)) if !is_gone(&error) => None,
            // Without the path, since strangers may read the reason.
            _ => Some("the state folder was removed or replaced".to_owned()),
        }
    }

    /// Returns the dead among `owners`. An owner without a lock file has removed it at its end.
    pub(crate) fn dead(&self, owners: BTreeSet<EngineId>) -> BTreeSet<EngineId> {
        owners
            .into_iter()
            .filter(|owner| *owner != self.engine && !is_locked(&lock_path(&self.folder, owner)))
            .collect()
    }

    /// Removes the lock files of killed engines. A failure leaves an empty file behind.
    pub(crate) fn tidy(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            // An unlocked file may belong to an engine that is about to lock it. That takes
            // microseconds, so a minute is safe.
            let old = path
                .metadata()
                .and_then(|meta| meta.modified())
                .is_ok_and(|at| at.elapsed().is_ok_and(|age| age.as_secs() > 60));
            if old && !is_locked(&path) {
                remove(&path);
            }
        }
    }
}

impl Drop for Liveness {
    fn drop(&mut self) {
        remove(&lock_path(&self.folder, &self.engine));
    }
}

fn lock_path(folder: &Path, engine: &EngineId) -> PathBuf {
    folder.join(format!("{engine}.lock"))
}

/// Returns true if the lock is held, or if its state is unknown.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => file.try_lock_shared().is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

/// Returns true if a path leads to nothing.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "failed to remove the lock file of an engine");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_removed_or_replaced_is_noticed() {
        let home = tempfile::tempdir().unwrap();
        let declare =
            |name: &str| Liveness::declare(home.path(), EngineId(name.to_owned())).unwrap();
        let (one, two) = (declare("one"), declare("two"));
        assert_eq!((one.lost(), two.lost()), (None, None));
        let path = home.path().join("engines/one.lock");
        std::fs::remove_file(&path).unwrap();
        assert!(one.lost().unwrap().contains("removed or replaced"));
        assert_eq!(two.lost(), None);
        File::create(&path).unwrap();
        assert!(one.lost().is_some());
        std::fs::remove_dir_all(home.path().join("engines")).unwrap();
        assert!(two.lost().is_some());
        std::fs::write(home.path().join("engines"), "a file").unwrap();
        assert!(two.lost().is_some());
    }
}
