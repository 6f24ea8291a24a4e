//! Runs the real binary in an isolated environment and renders its output.

use std::path::Path;
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

/// A working folder and an empty state folder.
pub(crate) struct World {
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        Self {
            folder: tempfile::tempdir().expect("a folder can be made"),
        }
    }

    /// Returns the folder in which commands run. It is in no repository.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the command `ah` with these words, in a minimal environment.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ah"));
        command
            .args(words)
            .current_dir(self.folder())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.folder())
            .env("AH_HOME", self.folder().join("state"))
            .stdin(Stdio::null());
        command
    }

    /// Runs the command to its end.
    pub(crate) fn run(&self, words: &[&str]) -> String {
        self.shown(&self.command(words).output().expect("the binary runs"))
    }

    /// Renders the exit code and the output, without the name of the folder.
    pub(crate) fn shown(&self, output: &Output) -> String {
        let text = |bytes: &[u8]| {
            String::from_utf8_lossy(bytes).replace(&self.folder().display().to_string(), "[FOLDER]")
        };
        format!(
            "exit code {}\n--- stdout\n{}--- stderr\n{}",
            output
                .status
                .code()
                .map_or_else(|| "none".to_owned(), |code| code.to_string()),
            text(&output.stdout),
            text(&output.stderr)
        )
    }
}
