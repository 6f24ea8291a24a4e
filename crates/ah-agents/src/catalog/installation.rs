//! Detects whether an agent's program is installed, and its version.
//!
//! The version is read from the package that contains the program. Any other program is run with
//! `--version`: once per file, bounded, and never while a request waits.

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

/// The time limit for `--version`.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(10);

/// The maximum size of its output, in bytes.
const ANSWER_BYTES_MAX: u64 = 4 * 1024;

/// The maximum number of distributions to inspect in a Python environment.
const DISTRIBUTIONS_MAX: usize = 10_000;

/// Finds the executable file of `program`: the path itself, or the first match in `search_path`.
pub(super) fn find(program: &str, search_path: &OsStr) -> Option<PathBuf> {
    let is_program = |path: &PathBuf| {
        std::fs::metadata(path)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    };
    if program.contains('/') {
        return Some(PathBuf::from(program)).filter(is_program);
    }
    std::env::split_paths(search_path)
        // An empty entry means the working folder, which must not matter here.
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(program))
        .find(is_program)
}

/// Returns the version of the npm package that contains `program`, or of the Python distribution
/// `distribution`. `None` for any other origin.
pub(super) fn packaged_version(program: &Path, distribution: Option<&str>) -> Option<String> {
    let program = std::fs::canonicalize(program).ok()?;
    npm_version(&program).or_else(|| python_version(&program, distribution?))
}

/// Returns the version of the npm package that contains a file: the innermost one below
/// `node_modules`.
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

/// Returns the version of a Python distribution in the environment whose `bin` folder contains the
/// file (Core metadata specifications: a folder `name-version.dist-info`).
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

/// A cache of the versions that programs reported.
#[derive(Debug, Default)]
pub(super) struct Versions {
    /// Serialises the queries, so that each program is queried once.
    asking: tokio::sync::Mutex<()>,
    /// The version that each program reported, and the modification time of its file; `None` for an
    /// unusable report. The lock protects single look-ups and insertions, and is never held across
    /// an await.
    reported: Mutex<HashMap<PathBuf, (SystemTime, Option<String>)>>,
}

impl Versions {
    /// Returns the version that `program` reported; `None` if it was not queried since its
    /// installation.
    pub(super) fn reported(&self, program: &Path) -> Option<Option<String>> {
        let changed = changed_at(program)?;
        let reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
        let (asked_of, version) = reported.get(program)?;
        (*asked_of == changed).then(|| version.clone())
    }

    /// Queries the programs whose version is unknown, one after the other. Returns immediately if
    /// another query is running.
    #[expect(
        clippy::await_holding_invalid_type,
        reason = "nothing waits for this lock: a second query gives up"
    )]
    pub(super) async fn ask(&self, programs: &[PathBuf]) {
        let Ok(_one) = self.asking.try_lock() else {
            return;
        };
        for program in programs {
            let Some(changed) = changed_at(program).filter(|_| self.reported(program).is_none())
            else {
                continue;
            };
            let version = ask(program).await;
            let mut reported = self.reported.lock().unwrap_or_else(PoisonError::into_inner);
            reported.insert(program.clone(), (changed, version));
        }
    }
}

fn changed_at(program: &Path) -> Option<SystemTime> {
    std::fs::metadata(program).ok()?.modified().ok()
}

/// Runs a program with `--version`. On a timeout or when dropped, the program is killed with all
/// its children.
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
    let mut asked = VersionQuery(child);
    let answer = async {
        let mut bytes = Vec::new();
        let read = output.take(ANSWER_BYTES_MAX).read_to_end(&mut bytes).await;
        read.ok()?;
        asked.0.wait().await.ok()?;
        Some(bytes)
    };
    let bytes = tokio::time::timeout(ANSWER_WAIT_MAX, answer).await.ok()??;
    version_in(&String::from_utf8_lossy(&bytes))
}

/// A queried program, whose process group is killed on drop unless it has exited.
struct VersionQuery(Child);

impl Drop for VersionQuery {
    fn drop(&mut self) {
        // A reaped process has no id.
        let group = self
            .0
            .id()
            .and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
        if let Some(group) = group
            && let Err(error) = rustix::process::kill_process_group(group, Signal::KILL)
        {
            tracing::debug!(%error, "failed to kill a program after a version query");
        }
    }
}

/// Returns the first word that is a version: numbers separated by dots, with an optional suffix.
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
