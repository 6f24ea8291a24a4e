//! The project's work tree: its files, its metadata and commands that run in it.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail, ensure};
use cargo_metadata::{Metadata, MetadataCommand};

/// The project's work tree.
pub(crate) struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// Finds the work tree in which `cargo xtask` was called.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Read at run time: a binary built by another clone must not look there.
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

    /// A command that runs, in the root, the cargo that started this program.
    pub(crate) fn cargo(&self) -> Command {
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut command = Command::new(cargo);
        command.current_dir(&self.root);
        command
    }

    /// Lists tracked files, and new ones that are not ignored, relative to the root.
    ///
    /// Files deleted in the work tree are left out, and links, whose targets are listed.
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
            .filter(|path| {
                let found = self.root.join(path).symlink_metadata();
                !path.is_empty() && found.is_ok_and(|found| found.is_file())
            })
            .map(PathBuf::from)
            .collect();
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Reads a file by its path relative to the root; `None` if it is not UTF-8.
    pub(crate) fn text(&self, file: &Path) -> anyhow::Result<Option<String>> {
        let bytes = fs::read(self.root.join(file))
            .with_context(|| format!("failed to read {}", file.display()))?;
        Ok(String::from_utf8(bytes).ok())
    }

    /// The folder of build artefacts.
    pub(crate) fn target_folder(&self) -> anyhow::Result<PathBuf> {
        Ok(self.metadata()?.target_directory.into())
    }

    /// The packages of the workspace with their resolved dependencies.
    pub(crate) fn metadata(&self) -> anyhow::Result<Metadata> {
        let text = output_of(
            self.cargo()
                .args(["metadata", "--format-version", "1", "--locked"]),
        )?;
        MetadataCommand::parse(text).context("failed to parse the output of cargo metadata")
    }
}

/// Runs a command with the output streams of this process.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let status = command
        .status()
        .with_context(|| format!("failed to start {}", line(command)))?;
    if !status.success() {
        bail!("`{}` ended with {status}", line(command));
    }
    Ok(())
}

/// Runs a command and returns its standard output, which must be UTF-8.
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
        .with_context(|| format!("`{}` printed text that is not UTF-8", line(command)))
}

/// Returns a command as typed in a shell.
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
