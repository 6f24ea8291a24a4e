//! Liveness of the engines that share a store.
//!
//! Each engine holds a file lock for as long as it lives. The kernel releases it with the process,
//! even after a kill.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ah_store::EngineId;

/// The lock of a live engine.
#[derive(Debug)]
pub(crate) struct Liveness {
    folder: PathBuf,
    engine: EngineId,
    /// The open file, which holds the lock.
    _lock: File,
}

impl Liveness {
    /// Declares `engine` live until the returned value is dropped.
    pub(crate) fn declare(home: &Path, engine: EngineId) -> io::Result<Self> {
        let folder = home.join("engines");
        std::fs::create_dir_all(&folder)?;
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(lock_path(&folder, &engine))?;
        file.try_lock()?;
        Ok(Self {
            folder,
            engine,
            _lock: file,
        })
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

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "failed to remove the lock file of an engine");
    }
}
