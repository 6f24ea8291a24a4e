//! A check of the packages, made of the program of the tests.
//!
//! The archives must have the expected files, and what is installed beside the program must agree
//! with it: units and containers start it with options that it has, the shells read its completions,
//! and each command has a manual page.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, ensure};

use super::{COMPLETIONS, FOLDER, UNITS, Written, write};
use crate::scratch::Scratch;
use crate::workspace::{self, Workspace, output_of};

/// The files of the archive, without the manual pages of commands.
const ARCHIVE: [&str; 11] = [
    "CHANGELOG.md",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "ah",
    "share/completions/_ah",
    "share/completions/ah.bash",
    "share/completions/ah.fish",
    "share/man/man1/ah.1",
    "share/systemd/agent-harbor.service",
    "share/systemd/agent-harbor@.service",
];

/// The files of the package for Debian, without the manual pages of commands.
const DEBIAN: [&str; 10] = [
    "usr/bin/ah",
    "usr/lib/systemd/system/agent-harbor@.service",
    "usr/lib/systemd/user/agent-harbor.service",
    "usr/share/bash-completion/completions/ah",
    "usr/share/doc/agent-harbor/LICENSE-APACHE",
    "usr/share/doc/agent-harbor/README.md",
    "usr/share/doc/agent-harbor/copyright",
    "usr/share/fish/vendor_completions.d/ah.fish",
    "usr/share/man/man1/ah.1.gz",
    "usr/share/zsh/vendor-completions/_ah",
];

/// Packs the program of the tests and judges the packages.
pub(super) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    // With the features of the whole workspace, so that this is the program of the tests.
    workspace::run(
        workspace
            .cargo()
            .args(["build", "--workspace", "--bin", "ah", "--locked"]),
    )?;
    let program = workspace.target_folder()?.join("debug/ah");
    let scratch = Scratch::new("dist-check")?;
    let written = write(workspace, &program, &scratch.path().join("dist"))?;
    let root = scratch.path().join("root");
    let unpacked = unpack(&written, &root)?;
    let pages = pages_of(&program)?;
    judge_files("the archive", &unpacked.archive, &ARCHIVE, &pages, ".1")?;
    judge_files("the package", &unpacked.debian, &DEBIAN, &pages, ".1.gz")?;
    let installed = root.join("debian/usr/bin/ah");
    judge_starts(workspace, &installed)?;
    judge_completions(&root, &installed)?;
    judge_formula(&written)?;
    println!(
        "  {} files in the archive, {} in the package, {} manual pages",
        unpacked.archive.len(),
        unpacked.debian.len(),
        pages.len() + 1
    );
    Ok(())
}

/// The files of both archives, relative to their roots.
struct Unpacked {
    archive: BTreeSet<String>,
    debian: BTreeSet<String>,
}

/// Unpacks the archive to `root/archive` and the package to `root/debian`.
fn unpack(written: &Written, root: &Path) -> anyhow::Result<Unpacked> {
    let (archive, debian) = (root.join("archive"), root.join("debian"));
    for folder in [&archive, &debian] {
        fs::create_dir_all(folder).context("failed to make a folder")?;
    }
    output_of(
        Command::new("tar")
            .args(["--extract", "--strip-components=1", "--file"])
            .arg(&written.archive)
            .arg("--directory")
            .arg(&archive),
    )?;
    let members = output_of(Command::new("ar").arg("t").arg(&written.debian))?;
    ensure!(
        members
            .lines()
            .eq(["debian-binary", "control.tar.gz", "data.tar.gz"]),
        "the package has other members: {members}"
    );
    output_of(
        Command::new("ar")
            .current_dir(root)
            .arg("x")
            .arg(&written.debian),
    )?;
    output_of(
        Command::new("tar")
            .current_dir(root)
            .args(["--extract", "--file", "data.tar.gz", "--directory"])
            .arg(&debian),
    )?;
    let control = output_of(Command::new("tar").current_dir(root).args([
        "--extract",
        "--file",
        "control.tar.gz",
        "--to-stdout",
        "./control",
    ]))?;
    let needed = format!("Depends: libc6 (>= {}), git", written.glibc);
    ensure!(control.contains(&needed), "no `{needed}` in: {control}");
    Ok(Unpacked {
        archive: files_of(&archive)?,
        debian: files_of(&debian)?,
    })
}

/// Returns the files below a folder.
fn files_of(folder: &Path) -> anyhow::Result<BTreeSet<String>> {
    let listed = output_of(
        Command::new("find")
            .current_dir(folder)
            .args([".", "-type", "f"]),
    )?;
    Ok(listed
        .lines()
        .map(|line| line.trim_start_matches("./").to_owned())
        .collect())
}

/// Returns the names of the pages of all commands, from their help.
fn pages_of(program: &Path) -> anyhow::Result<Vec<String>> {
    let mut pages = Vec::new();
    let mut open = vec![Vec::<String>::new()];
    while let Some(command) = open.pop() {
        for name in commands_of(program, &command)? {
            let path = [command.clone(), vec![name]].concat();
            pages.push(format!("ah-{}", path.join("-")));
            open.push(path);
        }
    }
    Ok(pages)
}

/// Returns the commands that the help of a command lists.
fn commands_of(program: &Path, command: &[String]) -> anyhow::Result<Vec<String>> {
    let help = output_of(Command::new(program).args(command).arg("-h"))?;
    Ok(help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        // A description that is continued has a wider margin.
        .filter(|line| !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .map(str::to_owned)
        .collect())
}

/// Fails unless the files are the expected ones and the pages of the commands.
fn judge_files(
    name: &str,
    found: &BTreeSet<String>,
    expected: &[&str],
    pages: &[String],
    extension: &str,
) -> anyhow::Result<()> {
    let folder = expected
        .iter()
        .find_map(|file| file.strip_suffix(&format!("ah{extension}")))
        .context("no page is expected")?;
    let pages = pages
        .iter()
        .map(|page| format!("{folder}{page}{extension}"));
    let expected: BTreeSet<String> = expected
        .iter()
        .map(|&file| file.to_owned())
        .chain(pages)
        .collect();
    let missing: Vec<_> = expected.difference(found).collect();
    let unexpected: Vec<_> = found.difference(&expected).collect();
    ensure!(
        missing.is_empty() && unexpected.is_empty(),
        "{name} lacks {missing:?} and has {unexpected:?}"
    );
    Ok(())
}

/// Fails unless the program accepts the arguments by which units and the container start it.
fn judge_starts(workspace: &Workspace, program: &Path) -> anyhow::Result<()> {
    let folder = workspace.root().join(FOLDER);
    let read = |name: &str| {
        let file = folder.join(name);
        fs::read_to_string(&file).with_context(|| format!("failed to read {}", file.display()))
    };
    let mut starts = Vec::new();
    for unit in UNITS {
        let text = read(unit)?;
        let start = text
            .lines()
            .find_map(|line| line.strip_prefix("ExecStart=/usr/bin/ah "))
            .with_context(|| format!("{unit} does not start /usr/bin/ah"))?;
        starts.push(start.split_whitespace().map(str::to_owned).collect());
    }
    let container = read("Containerfile")?;
    let entry = container
        .lines()
        .find_map(|line| line.strip_prefix("ENTRYPOINT "))
        .context("the container has no entry point")?;
    let mut entry: Vec<String> = serde_json::from_str(entry).context("no list of words")?;
    ensure!(entry.remove(0) == "ah", "the container does not start ah");
    starts.push(entry);
    for words in starts {
        // An unknown option is refused before the help is printed.
        output_of(Command::new(program).args(&words).arg("--help"))
            .with_context(|| format!("the program is started as `ah {}`", words.join(" ")))?;
    }
    let known = read("../docs/configuration.md")? + &read("../docs/cli.md")?;
    for file in [
        "Containerfile",
        "compose.yaml",
        "kubernetes/agent-harbor.yaml",
    ] {
        for variable in variables(&read(file)?) {
            ensure!(
                known.contains(&format!("`{variable}`")),
                "{file} sets {variable}, which is not documented"
            );
        }
    }
    Ok(())
}

/// Returns the words of a text that begin with `AH_`.
fn variables(text: &str) -> BTreeSet<String> {
    text.split(|c: char| !c.is_ascii_uppercase() && c != '_')
        .filter(|word| word.starts_with("AH_"))
        .map(str::to_owned)
        .collect()
}

/// Fails unless the completions have the commands and, where the shell is installed, are read by it.
fn judge_completions(root: &Path, program: &Path) -> anyhow::Result<()> {
    let commands = commands_of(program, &[])?;
    for (shell, file) in COMPLETIONS {
        let script = root.join("archive/share/completions").join(file);
        let text = fs::read_to_string(&script).context("failed to read a completion")?;
        for command in commands.iter().chain([&"--remote-server".to_owned()]) {
            let word = command.trim_start_matches('-');
            ensure!(text.contains(word), "{file} does not complete {command}");
        }
        let read = Command::new(shell).arg("-n").arg(&script).output();
        // Other shells than bash are seldom installed.
        if let Ok(read) = read {
            let faults = String::from_utf8_lossy(&read.stderr).into_owned();
            ensure!(
                read.status.success() && faults.is_empty(),
                "{shell} does not read {file}: {faults}"
            );
        }
    }
    Ok(())
}

/// Fails unless the formula names the archive with its digest.
fn judge_formula(written: &Written) -> anyhow::Result<()> {
    let formula = fs::read_to_string(&written.formula).context("failed to read the formula")?;
    let digest = output_of(Command::new("sha256sum").arg(&written.archive))?;
    let digest = digest.split_whitespace().next().context("no digest")?;
    let name = written
        .archive
        .file_name()
        .context("the archive is a file")?;
    for word in [digest, &*name.to_string_lossy()] {
        ensure!(formula.contains(word), "the formula lacks {word}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_are_whole_words() {
        let found = variables("env:\n  - name: AH_SERVER_ALLOWED_HOSTS # AH_HOME=/state\nMAH_X");
        let found: Vec<_> = found.iter().map(String::as_str).collect();
        assert_eq!(found, ["AH_HOME", "AH_SERVER_ALLOWED_HOSTS"]);
    }
}
