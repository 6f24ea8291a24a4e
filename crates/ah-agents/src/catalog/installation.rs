//! Whether an agent's program is on this host, and in which version.
//!
//! A version is read from what the program was installed with. A program that came without any such
//! thing is asked with `--version`: once for each file, bounded, and never while a request waits.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use rustix::process::{Pid, Signal};
use serde::Deserialize;
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

/// How long a program may take to tell its version.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// How much of what it says is read, in bytes.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;

/// How many distributions of one Python environment are looked through.
const DISTRIBUTIONS_MAX: usize = 10_000;

/// The file that `program` names: itself when it is a path, else the first of its name in
/// `search_path` that can be run.
pub(super) fn find(program: &str, search_path: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(is_program);
    }
    std::env::split_paths(search_path)
        // An empty entry means the working folder, which is nobody's choice here.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(is_program)
}

/// The version that `program` was installed in: that of its npm package, or of `distribution`, its
/// Python distribution. `None` when it came otherwise.
pub(super) fn packaged_version(program: &Path, distribution: Option<&str>) -> Option<String> {
    let program = std::fs::canonicalize(program).ok()?;
    npm_version(&program).or_else(|| python_version(&program, distribution?))
}

/// The version of the npm package that a file belongs to: the innermost one below `node_modules`.
fn npm_version(program: &Path) -> Option<String> {
    #[derive(Deserialize)]
    struct Package {
        version: String,
    }
    let in_modules = |folder: &&Path| {
        let above = folder.parent();
        let is_scope = above.is_some_and(|above| {
            above
                .file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with('@'))
        });
        let modules = if is_scope {
            above.and_then(Path::parent)
        } else {
            above
        };
        modules.is_some_and(|modules| modules.ends_with("node_modules"))
    };
    let package = program.ancestors().skip(1).find(in_modules)?;
    let manifest = std::fs::read(package.join("package.json")).ok()?;
    Some(serde_json::from_slice::<Package>(&manifest).ok()?.version)
}

/// The version of a Python distribution in the environment whose `bin` a file is in (Core metadata
/// specifications: a folder `name-version.dist-info`).
fn python_version(program: &Path, distribution: &str) -> Option<String> {
    let library = program.parent()?.parent()?.join("lib");
    let wanted = format!("{}-", distribution.replace(['-', '.'], "_"));
    let entries = |folder: &Path| {
        let entries = std::fs::read_dir(folder).into_iter().flatten();
        entries.take(DISTRIBUTIONS_MAX).filter_map(Result::ok)
    };
    entries(&library)
        .filter(|python| python.file_name().to_string_lossy().starts_with("python"))
        .flat_map(|python| entries(&python.path().join("site-packages")))
        .find_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            let version = name.strip_suffix(".dist-info")?;
            Some(version.strip_prefix(&wanted)?.to_owned())
        })
}

/// What programs have said of their versions.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Held by whoever asks: programs are asked one at a time, and once.
    asking: tokio::sync::Mutex<()>,
    /// What each program said, and when its file had changed last before that; `None` when it said
    /// nothing of use. The lock is held for a look-up or an insertion, never across a wait.
    told: Mutex<HashMap<PathBuf, (SystemTime, Option<String>)>>,
}

impl Versions {
    /// What `program` said of its version; `None` when it was not asked since it was installed.
    pub(super) fn told(&self, program: &Path) -> Option<Option<String>> {
        let changed = changed_at(program)?;
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked_of, version) = told.get(program)?;
        (*asked_of == changed).then(|| version.clone())
    }

    /// Asks those of `programs` for their versions that have not told, one after the other, unless
    /// somebody is at it.
    pub(super) async fn ask(&self, programs: &[PathBuf]) {
        let Ok(_one) = self.asking.try_lock() else {
            return;
        };
        for program in programs {
            let Some(changed) = changed_at(program).filter(|_| self.told(program).is_none()) else {
                continue;
            };
            let version = ask(program).await;
            let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
            told.insert(program.clone(), (changed, version));
        }
    }
}

fn changed_at(program: &Path) -> Option<SystemTime> {
    std::fs::metadata(program).ok()?.modified().ok()
}

/// Runs a program with `--version`. Nothing that it started is left when it takes too long, or is
/// not waited for any more.
async fn ask(program: &Path) -> Option<String> {
    let mut child = Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .process_group(0)
        .spawn()
        .ok()?;
    let output = child.stdout.take()?;
    let mut asked = Asked(child);
    let answer = async {
        let mut said = Vec::new();
        let read = output.take(ANSWER_BYTES_MAX).read_to_end(&mut said).await;
        read.ok()?;
        asked.0.wait().await.ok()?;
        Some(said)
    };
    let said = tokio::time::timeout(ANSWER_WAIT_MAX, answer).await.ok()??;
    version_in(&String::from_utf8_lossy(&said))
}

/// A program that was asked; with its process group it is killed, unless it has ended.
struct Asked(Child);

impl Drop for Asked {
    fn drop(&mut self) {
        // There is no number of one that was waited for.
        let group = self
            .0
            .id()
            .and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        if let Some(group) = group
            && let Err(error) = rustix::process::kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(%error, "a program that does not tell its version could not be ended");
        }
    }
}

/// The first word that is a version: numbers with dots between them, and what may follow.
fn version_in(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || c == ',')
        .map(|word| word.trim_matches(|c: char| !c.is_ascii_alphanumeric()))
        .map(|word| word.strip_prefix('v').unwrap_or(word))
        .find(|word| {
            let mut numbers = word.split('.');
            let is_number =
                |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
            numbers.next().is_some_and(is_number)
                && numbers
                    .next()
                    .is_some_and(|part| part.starts_with(|c: char| c.is_ascii_digit()))
        })
        .map(str::to_owned)
}

#[cfg(test)]
mod tests;
