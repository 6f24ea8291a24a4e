//! The folder of a session, and the paths of the files in it.

use std::io;
use std::path::{Path, PathBuf};

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

    /// Returns the path of the log of the recorder and the agent's standard error, which is
    /// bounded.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.0.join("recorder.log")
    }
}
