//! Where the project is, which files it has, and how its commands are started.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

/// The project's work tree.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The work tree that `cargo xtask` was called in.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Read at run time, so that a binary which another clone built does not look there.
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map(PathBuf::from)
            .context("CARGO_MANIFEST_DIR is not set: run this as `cargo xtask`")?;
        let root = manifest
            .parent()
            .context("the xtask package has no parent folder")?;
        Ok(Self {
            root: root.to_owned(),
        })
    }

    /// The folder of the workspace manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A command that runs in the root.
    pub(crate) fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(&self.root);
        command
    }

    /// The cargo that runs this, in the root.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        command
    }

    /// What git has or would have: tracked files and new ones that are not ignored, relative to
    /// the root, without those that are deleted in the work tree.
    pub(crate) fn files(&self) -> anyhow::Result<Vec<PathBuf>> {
        let listed = output_of(self.command("git").args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
            "-z",
        ]))?;
        let mut files: Vec<PathBuf> = listed
            .split('\0')
            .filter(|path| !path.is_empty() && self.root.join(path).is_file())
            .map(PathBuf::from)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// The text of a file, by its path relative to the root; `None` when it is not text.
    pub(crate) fn text(&self, file: &Path) -> anyhow::Result<Option<String>> {
        let bytes = fs::read(self.root.join(file))
            .with_context(|| format!("failed to read {}", file.display()))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// Where cargo puts what it builds.
    pub(crate) fn target_folder(&self) -> anyhow::Result<PathBuf> {
        let metadata = self.metadata()?;
        let folder = metadata["target_directory"].as_str();
        let folder = folder.context("cargo metadata names no target folder")?;
        Ok(PathBuf::from(folder))
    }

    /// What `cargo metadata` says, with the whole dependency graph.
    pub(crate) fn metadata(&self) -> anyhow::Result<Value> {
        let text = output_of(
            self.cargo()
                .args(["metadata", "--format-version", "1", "--locked"]),
        )?;
        serde_json::from_str(&text).context("failed to parse what cargo metadata said")
    }
}

/// Runs a command whose output goes where ours goes.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("failed to start {}", line(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// What a command prints, which must be text.
pub(crate) fn output_of(command: &mut Command) -> anyhow::Result<String> {
    let output = command
        .output()
        .with_context(|| format!("failed to start {}", line(command)))?;
    ensure!(
        output.status.success(),
        "`{}` ended with {}: {}",
        line(command),
        output.status,
        String::from_utf8_lossy(&output.stderr).trim()
    );
    String::from_utf8(output.stdout)
        .with_context(|| format!("`{}` printed what is not UTF-8", line(command)))
}

/// A command as one would type it.
pub(crate) fn line(command: &Command) -> String {
    let program = Path::new(command.get_program());
    let mut words = vec![
        program
            .file_stem()
            .unwrap_or(program.as_os_str())
            .to_string_lossy()
            .into_owned(),
    ];
    words.extend(
        command
            .get_args()
            .map(|word| word.to_string_lossy().into_owned()),
    );
    words.join(" ")
}

/// A path below the root, without the root.
pub(crate) fn relative(root: &Path, path: &Path) -> anyhow::Result<PathBuf> {
    path.strip_prefix(root)
        .map(Path::to_owned)
        .with_context(|| format!("{} is outside of the project", path.display()))
}
