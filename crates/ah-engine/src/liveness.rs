//! How engines that share a store know whether each other live: each holds a file lock for as
//! long as it does, which the kernel gives up with the process, however that ends.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use ah_store::EngineId;
use rustix::fs::{FlockOperation, flock};

/// The lock of an engine that lives.
#[derive(Debug)]
pub(crate) struct Liveness {
    folder: PathBuf,
    engine: EngineId,
    /// Held, never read.
    _lock: File,
}

impl Liveness {
    /// Says that `engine` lives, for as long as the result does.
    pub(crate) fn declare(home: &Path, engine: EngineId) -> io::Result<Self> {
        let folder = home.join("engines");
        std::fs::create_dir_all(&folder)?;
        let file = OpenOptions::new()
            .create_new(true)
            .write(true)
            .open(lock_path(&folder, &engine))?;
        flock(&file, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Self {
            folder,
            engine,
            _lock: file,
        })
    }

    /// Those of `owners` that do not live any more. An owner without a lock has cleaned it up.
    pub(crate) fn dead(&self, owners: BTreeSet<EngineId>) -> BTreeSet<EngineId> {
        owners
            .into_iter()
            .filter(|owner| *owner != self.engine && !is_locked(&lock_path(&self.folder, owner)))
            .collect()
    }

    /// Removes what engines have left that were killed. A failure leaves a file of no size.
    pub(crate) fn tidy(&self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
            // One that is not locked belongs to no engine that lives, but may belong to one that
            // is just about to lock it, which is over in microseconds: a minute is safe.
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

/// Whether somebody holds the lock. What cannot be told is taken for held: an engine is not dead
/// because nobody could look.
fn is_locked(path: &Path) -> bool {
    match File::open(path) {
        Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_err(),
        Err(error) => error.kind() != io::ErrorKind::NotFound,
    }
}

fn remove(path: &Path) {
    if let Err(error) = std::fs::remove_file(path) {
        tracing::debug!(path = %path.display(), %error, "an engine's lock file stays");
    }
}
