//! The folder of a session, and the paths of the files in it.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The folder of a session's recorder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionFolder(PathBuf);

impl SessionFolder {
    /// Returns the folder at `path`, which need not exist yet.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// Returns the path of the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Returns the path of the launch spec, which is written atomically by a rename.
    #[must_use]
    pub fn launch(&self) -> PathBuf {
        self.0.join("launch.json")
    }

    /// Returns the path of the journal: one [`ah_lifecycle::JournalRecord`] per line,
    /// append-only.
    #[must_use]
    pub fn journal(&self) -> PathBuf {
        self.0.join("journal.jsonl")
    }

    /// Returns the path of the lock file. The recorder holds the lock as long as it lives, so that
    /// there is at most one, and that a query shows if it is alive.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.0.join("recorder.lock")
    }

    /// Returns the path of the control socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }

    /// Returns the path of the agent's own home, if it has one. It is removed when the agent has
    /// ended.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.0.join("home")
    }

    /// Returns the path of the temporary folder of an agent with its own home. It is removed when
    /// the agent has ended. It is not above the home: Codex refuses a home below the temporary
    /// folder.
    #[must_use]
    pub fn temporary(&self) -> PathBuf {
        self.0.join("tmp")
    }

    /// Returns the path of the file that names the session's control group, if it has one.
    #[must_use]
    pub fn cgroup(&self) -> PathBuf {
        self.0.join("cgroup")
    }

    /// Returns the path of the settings of the built-in agent, if it is the agent. They are removed
    /// when the agent has ended.
    #[must_use]
    pub fn settings(&self) -> PathBuf {
        self.0.join("scenario.json")
    }

    /// Removes the files that hold secrets or serve a live recorder: the launch specs, finished or
    /// not, the settings of the built-in agent, and the control socket. The recorder must be gone.
    ///
    /// # Errors
    /// Returns the first error of a removal, after removing the other files.
    pub fn remove_private(&self) -> io::Result<()> {
        let mut removed = Ok(());
        let mut remove = |path: &Path| match std::fs::remove_file(path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => removed = Err(error),
            _ => {}
        };
        for path in [self.launch(), self.settings(), self.socket()] {
            remove(&path);
        }
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return removed,
            entries => entries?,
        };
        for entry in entries {
            let path = entry?.path();
            // The name of a launch spec that its writer did not finish.
            if path.extension().is_some_and(|extension| extension == "new") {
                remove(&path);
            }
        }
        removed
    }

    /// Removes everything in the folder but `kept`, and the folder if nothing is left in it. The
    /// session and its recorder must have ended. A missing folder is a success.
    ///
    /// # Errors
    /// Returns the first error of a removal, after removing the rest.
    pub fn clear(&self, kept: Option<&Path>) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            entries => entries?,
        };
        let (mut cleared, mut is_kept) = (Ok(()), false);
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            if kept == Some(&*path) {
                is_kept = true;
                continue;
            }
            let removed = match entry.file_type()?.is_dir() {
                true => std::fs::remove_dir_all(&path),
                false => std::fs::remove_file(&path),
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    cleared = cleared.and(Err(error));
                }
                _ => {}
            }
        }
        cleared?;
        match is_kept {
            true => Ok(()),
            false => match std::fs::remove_dir(&self.0) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
                _ => Ok(()),
            },
        }
    }

    /// Returns true if [`SessionFolder::clear`] has something to remove: any file but the log, or a
    /// log that is older than `log_age`.
    #[must_use]
    pub fn has_remains(&self, log_age: Duration) -> bool {
        let Ok(mut entries) = std::fs::read_dir(&self.0) else {
            return false;
        };
        let Some(first) = entries.next() else {
            return true;
        };
        if entries.next().is_some() || first.is_ok_and(|entry| entry.path() != self.log()) {
            return true;
        }
        std::fs::metadata(self.log())
            .and_then(|found| found.modified())
            .is_ok_and(|at| at.elapsed().is_ok_and(|age| age >= log_age))
    }

    /// Returns the path of the log of the recorder and the agent's standard error, which is
    /// bounded.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("recorder.log")
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn a_cleared_folder_is_gone_or_holds_the_log_alone() {
        let parent = tempfile::tempdir().unwrap();
        let folder = SessionFolder::at(parent.path().join("session"));
        let log = folder.log();
        for kept in [Some(&*log), None] {
            folder.clear(kept).unwrap();
            assert!(!folder.has_remains(LONG), "it does not exist");
            fs::create_dir_all(folder.home().join("deep/er")).unwrap();
            assert!(folder.has_remains(LONG));
            for path in [folder.journal(), folder.lock(), log.clone()] {
                fs::write(path, "x").unwrap();
            }
            std::os::unix::fs::symlink(parent.path(), folder.path().join("link")).unwrap();
            assert!(folder.has_remains(LONG));
            folder.clear(kept).unwrap();
            assert!(!folder.has_remains(LONG));
            assert_eq!(log.exists(), kept.is_some());
            assert_eq!(folder.path().exists(), kept.is_some());
            assert_eq!(folder.has_remains(Duration::ZERO), kept.is_some());
        }
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
    }
}
