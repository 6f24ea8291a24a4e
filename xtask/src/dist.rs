//! `cargo xtask dist`: archives and packages of the program.
//!
//! They have the program, its manual pages and completions, the units of systemd, and examples of
//! containers. The archive is the base of the formula for Homebrew. `--check` packs the program of
//! the tests and judges the result.

mod check;
mod glibc;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, ensure};
use clap::Args;

use crate::scratch::Scratch;
use crate::workspace::{self, Workspace, output_of};

/// The files for packages, relative to the root.
const FOLDER: &str = "packaging";
/// The homepage of the project, until it has one.
const HOMEPAGE: &str = "https://agent-harbor.example";
/// The shells with completions, and the file name of each.
const COMPLETIONS: [(&str, &str); 3] = [("bash", "ah.bash"), ("zsh", "_ah"), ("fish", "ah.fish")];
/// The architectures of Debian by those of Rust.
const ARCHITECTURES: [(&str, &str); 2] = [("x86_64", "amd64"), ("aarch64", "arm64")];
/// The programs that `ah` needs beside the C library, as Debian packages.
const DEPENDS: &str = "git (>= 1:2.36), ca-certificates";
/// The files that are copied beside the archives.
const EXAMPLES: [&str; 3] = [
    "Containerfile",
    "compose.yaml",
    "kubernetes/agent-harbor.yaml",
];
/// The units of systemd.
const UNITS: [&str; 2] = ["agent-harbor.service", "agent-harbor@.service"];

/// The options of `cargo xtask dist`.
#[derive(Debug, Args)]
pub(crate) struct Options {
    /// The profile of the program
    #[arg(long, default_value = "release")]
    profile: String,
    /// Pack the program of the tests and judge the packages, without keeping them
    #[arg(long, conflicts_with = "profile")]
    check: bool,
}

/// Builds the program and writes its archives to `target/dist`, or checks them.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> anyhow::Result<()> {
    if options.check {
        return check(workspace);
    }
    workspace::run(
        workspace
            .cargo()
            .args(["build", "--locked", "--package", "ah-cli", "--bin", "ah"])
            .args(["--profile", &options.profile]),
    )?;
    let target = workspace.target_folder()?;
    let profile = match options.profile.as_str() {
        "dev" => "debug",
        other => other,
    };
    let written = write(
        workspace,
        &target.join(profile).join("ah"),
        &target.join("dist"),
    )?;
    for file in [&written.archive, &written.debian] {
        let size = fs::metadata(file)?.len();
        println!("  {} {} KiB", file.display(), size / 1024);
    }
    println!("  needs glibc {} or newer", written.glibc);
    Ok(())
}

/// Packs the program of the tests and judges the packages.
pub(crate) fn check(workspace: &Workspace) -> anyhow::Result<()> {
    check::run(workspace)
}

/// The files that were written.
struct Written {
    archive: PathBuf,
    debian: PathBuf,
    formula: PathBuf,
    /// The oldest version of the C library with which the program runs.
    glibc: glibc::Version,
}

/// Writes the archives of `program` and their examples to the folder `dist`.
fn write(workspace: &Workspace, program: &Path, dist: &Path) -> anyhow::Result<Written> {
    fs::create_dir_all(dist).context("failed to make the folder of the archives")?;
    let scratch = Scratch::new("dist")?;
    let package = Package::assemble(workspace, program, scratch.path())?;
    let glibc = glibc::needed(&package.root.join("ah"))?;
    let archive = package.archive(dist)?;
    let debian = package.debian(dist, scratch.path(), glibc)?;
    let formula = package.formula(workspace, &archive, dist)?;
    for example in EXAMPLES {
        let from = workspace.root().join(FOLDER).join(example);
        let name = from.file_name().context("an example is a file")?;
        copy(&from, &dist.join(name))?;
    }
    copy(&package.root.join("ah"), &dist.join("ah"))?;
    Ok(Written {
        archive,
        debian,
        formula,
        glibc,
    })
}

/// The content of the archives.
struct Package {
    /// The folder of the content, named as in the archive.
    root: PathBuf,
    version: String,
    architecture: &'static str,
}

impl Package {
    /// Puts the content together: the stripped program, what it prints about itself, and the files
    /// of the project.
    fn assemble(workspace: &Workspace, program: &Path, scratch: &Path) -> anyhow::Result<Self> {
        let architecture = std::env::consts::ARCH;
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let root = scratch.join(format!("ah-{version}-{architecture}-linux"));
        fs::create_dir_all(&root).context("failed to make a folder")?;
        let ah = root.join("ah");
        output_of(Command::new("strip").arg("-o").arg(&ah).arg(program))
            .context("failed to strip the program; binutils are required")?;
        let shown = output_of(Command::new(&ah).arg("version"))?;
        ensure!(
            shown.contains(&version),
            "the program is of another version: {shown}"
        );
        let man = root.join("share/man/man1");
        fs::create_dir_all(&man).context("failed to make a folder")?;
        output_of(Command::new(&ah).args(["man", "--folder"]).arg(&man))?;
        let completions = root.join("share/completions");
        fs::create_dir_all(&completions).context("failed to make a folder")?;
        for (shell, file) in COMPLETIONS {
            let script = output_of(Command::new(&ah).args(["completions", shell]))?;
            fs::write(completions.join(file), script).context("failed to write a completion")?;
        }
        for file in ["README.md", "CHANGELOG.md", "LICENSE-APACHE", "LICENSE-MIT"] {
            copy(&workspace.root().join(file), &root.join(file))?;
        }
        for unit in UNITS {
            let from = workspace.root().join(FOLDER).join(unit);
            copy(&from, &root.join("share/systemd").join(unit))?;
        }
        Ok(Self {
            root,
            version,
            architecture,
        })
    }

    /// Writes the archive, whose bytes depend on nothing but its content.
    fn archive(&self, dist: &Path) -> anyhow::Result<PathBuf> {
        let name = self.root.file_name().context("the content has a folder")?;
        let archive = dist.join(format!("{}.tar.gz", name.to_string_lossy()));
        let parent = self.root.parent().context("the content has a folder")?;
        output_of(
            tar()
                .arg("--gzip")
                .arg("--file")
                .arg(&archive)
                .arg("--directory")
                .arg(parent)
                .arg(name),
        )?;
        Ok(archive)
    }

    /// Writes the package for Debian and its relatives (deb(5)).
    fn debian(
        &self,
        dist: &Path,
        scratch: &Path,
        glibc: glibc::Version,
    ) -> anyhow::Result<PathBuf> {
        let architecture = ARCHITECTURES
            .iter()
            .find(|(rust, _)| *rust == self.architecture)
            .map(|(_, debian)| *debian)
            .with_context(|| format!("no package for {}", self.architecture))?;
        let data = scratch.join("debian");
        let placed = [
            ("ah", "usr/bin/ah"),
            ("share/man/man1", "usr/share/man/man1"),
            (
                "share/completions/ah.bash",
                "usr/share/bash-completion/completions/ah",
            ),
            (
                "share/completions/_ah",
                "usr/share/zsh/vendor-completions/_ah",
            ),
            (
                "share/completions/ah.fish",
                "usr/share/fish/vendor_completions.d/ah.fish",
            ),
            (
                "share/systemd/agent-harbor.service",
                "usr/lib/systemd/user/agent-harbor.service",
            ),
            (
                "share/systemd/agent-harbor@.service",
                "usr/lib/systemd/system/agent-harbor@.service",
            ),
            ("README.md", "usr/share/doc/agent-harbor/README.md"),
            (
                "LICENSE-APACHE",
                "usr/share/doc/agent-harbor/LICENSE-APACHE",
            ),
            ("LICENSE-MIT", "usr/share/doc/agent-harbor/copyright"),
        ];
        for (from, to) in placed {
            let from = self.root.join(from);
            if from.is_dir() {
                for entry in fs::read_dir(&from)? {
                    let entry = entry?;
                    copy(&entry.path(), &data.join(to).join(entry.file_name()))?;
                }
            } else {
                copy(&from, &data.join(to))?;
            }
        }
        for page in fs::read_dir(data.join("usr/share/man/man1"))? {
            // Debian's manual pages are compressed.
            output_of(
                Command::new("gzip")
                    .args(["--no-name", "--best"])
                    .arg(page?.path()),
            )?;
        }
        let size: u64 = output_of(Command::new("du").arg("-sk").arg(&data))?
            .split_whitespace()
            .next()
            .and_then(|kib| kib.parse().ok())
            .context("du printed no size")?;
        let control = scratch.join("control");
        fs::create_dir_all(&control).context("failed to make a folder")?;
        let text = format!(
            "Package: agent-harbor\nVersion: {}\nArchitecture: {architecture}\n\
             Maintainer: The Agent Harbor developers <agent-harbor@localhost>\n\
             Installed-Size: {size}\nDepends: libc6 (>= {glibc}), {DEPENDS}\nSection: devel\nPriority: optional\n\
             Homepage: {HOMEPAGE}\n\
             Description: Runs coding agents on tasks, each in its own workspace\n \
             `ah` launches coding agents, records what they do in a numbered log, and serves\n \
             them over an API.\n",
            self.version
        );
        fs::write(control.join("control"), text).context("failed to write the control file")?;
        for (archive, folder) in [("control.tar.gz", &control), ("data.tar.gz", &data)] {
            output_of(
                tar()
                    .arg("--gzip")
                    .arg("--file")
                    .arg(scratch.join(archive))
                    .arg("--directory")
                    .arg(folder)
                    .arg("."),
            )?;
        }
        fs::write(scratch.join("debian-binary"), "2.0\n").context("failed to write")?;
        let package = dist.join(format!("agent-harbor_{}_{architecture}.deb", self.version));
        if package.exists() {
            fs::remove_file(&package).context("failed to replace the package")?;
        }
        output_of(
            Command::new("ar")
                .current_dir(scratch)
                .arg("rcD")
                .arg(&package)
                .args(["debian-binary", "control.tar.gz", "data.tar.gz"]),
        )
        .context("failed to write the package; binutils are required")?;
        Ok(package)
    }

    /// Writes the formula for Homebrew.
    fn formula(
        &self,
        workspace: &Workspace,
        archive: &Path,
        dist: &Path,
    ) -> anyhow::Result<PathBuf> {
        let template = workspace
            .root()
            .join(FOLDER)
            .join("homebrew/agent-harbor.rb.in");
        let text = fs::read_to_string(&template)
            .with_context(|| format!("failed to read {}", template.display()))?;
        let digest = output_of(Command::new("sha256sum").arg(archive))?;
        let digest = digest.split_whitespace().next().context("no digest")?;
        let name = archive.file_name().context("the archive is a file")?;
        let formula = text
            .replace("@HOMEPAGE@", HOMEPAGE)
            .replace("@VERSION@", &self.version)
            .replace("@ARCHIVE@", &name.to_string_lossy())
            .replace("@SHA256@", digest);
        ensure!(!formula.contains('@'), "the template has an unknown word");
        let file = dist.join("agent-harbor.rb");
        fs::write(&file, formula).context("failed to write the formula")?;
        Ok(file)
    }
}

/// Returns a command that makes an archive of the same bytes for the same content.
fn tar() -> Command {
    let mut tar = Command::new("tar");
    tar.args([
        "--create",
        "--sort=name",
        "--owner=0",
        "--group=0",
        "--numeric-owner",
    ])
    .args(["--mode=go=rX,u+rw", "--mtime=@0"])
    .env("GZIP", "-n");
    tar
}

/// Copies a file and makes the folder for it.
fn copy(from: &Path, to: &Path) -> anyhow::Result<()> {
    let folder = to.parent().context("a file is in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("failed to make {}", folder.display()))?;
    fs::copy(from, to).with_context(|| format!("failed to copy {}", from.display()))?;
    Ok(())
}
