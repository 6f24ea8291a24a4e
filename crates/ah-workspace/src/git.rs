//! Runs the `git` program. No other module starts it.
//!
//! Every call is an argument vector with its own environment and configuration. Every call is
//! bounded by a time limit and an output limit, and its process group is killed when the caller
//! goes away.

mod cause;
mod login;
mod redact;
#[cfg(test)]
mod tests;
mod version;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use rustix::fs::Access;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::WorkspaceError;
use crate::lock::FileLock;

pub(crate) use cause::Cause;
pub(crate) use login::Login;
pub(crate) use redact::without_credentials;
pub use version::GIT_VERSION_MIN;

/// The time limit of a call that only uses the local disk.
pub(crate) const LOCAL_LIMIT: Duration = Duration::from_secs(60);
/// The time limit of a call that transfers a whole repository, over the network or to a folder.
pub(crate) const TRANSFER_LIMIT: Duration = Duration::from_secs(600);
/// The maximum size of git's standard output, in bytes.
pub(crate) const OUTPUT_MAX: usize = 64 * 1024 * 1024;
/// The size of the parts in which a larger output is read, in bytes.
const PART_BYTES: usize = 64 * 1024;
/// The number of bytes kept of git's standard error: the end, which contains the reason.
const STDERR_MAX: usize = 4096;

/// The configuration of every call, which overrides the user's.
const CONFIG: [&str; 10] = [
    // Disables hooks of the repository and the user.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    // Disables background work after a call, and collection of objects that a running session has
    // not referenced yet.
    "gc.auto=0",
    "maintenance.auto=false",
    // Any repository that this user can read is acceptable, whatever its owner, because it is only
    // read.
    "safe.directory=*",
    "safe.bareRepository=all",
    // Line endings are git's concern. An irreversible conversion must not fail a snapshot.
    "core.safecrlf=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
];

/// The configuration of calls that read or write a workspace, in addition.
const OWN_CONFIG: [&str; 6] = [
    "core.attributesFile=/dev/null",
    "core.excludesFile=/dev/null",
    // Names that are special on other systems only are allowed.
    "core.protectHFS=false",
    "core.protectNTFS=false",
    // The form of the index that this crate reads.
    "index.version=2",
    "index.skipHash=false",
];

/// The environment of calls that read or write a workspace: without the configuration of the user
/// and of the host, which may name programs and patterns that an agent can change.
const OWN_ENVIRONMENT: [(&str, &str); 5] = [
    ("GIT_CONFIG_GLOBAL", "/dev/null"),
    ("GIT_CONFIG_SYSTEM", "/dev/null"),
    ("GIT_CONFIG_NOSYSTEM", "1"),
    ("GIT_ATTR_NOSYSTEM", "1"),
    ("GIT_NO_LAZY_FETCH", "1"),
];

/// Git variables that are inherited: the location of the user's configuration, and network
/// settings. All other `GIT_*` variables are removed, because any of them can redirect a call to
/// another repository, index, identity or program.
const INHERITED: [&str; 16] = [
    "GIT_CONFIG_GLOBAL",
    "GIT_CONFIG_SYSTEM",
    "GIT_CONFIG_NOSYSTEM",
    "GIT_EXEC_PATH",
    "GIT_SSH",
    "GIT_SSH_COMMAND",
    "GIT_SSH_VARIANT",
    "GIT_ASKPASS",
    "GIT_PROXY_COMMAND",
    "GIT_PROXY_SSL_CAINFO",
    "GIT_PROXY_SSL_CERT",
    "GIT_PROXY_SSL_KEY",
    "GIT_SSL_CAINFO",
    "GIT_SSL_CAPATH",
    "GIT_SSL_CERT",
    "GIT_SSL_KEY",
];

/// The name of the program.
const PROGRAM: &str = "git";

/// The name and the address of commits by `ah` itself, and by agents of users without an identity.
pub(crate) const NAME: &str = "Agent Harbor";
pub(crate) const EMAIL: &str = "agent-harbor@localhost";

/// The identity for commits made by `ah` itself.
const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", NAME),
    ("GIT_AUTHOR_EMAIL", EMAIL),
    ("GIT_COMMITTER_NAME", NAME),
    ("GIT_COMMITTER_EMAIL", EMAIL),
];

/// The git program with its environment.
#[derive(Debug)]
pub(crate) struct Git {
    environment: Vec<(OsString, OsString)>,
    usable: OnceCell<()>,
}

impl Git {
    /// Creates a git with this environment, without the variables that select a repository.
    pub(crate) fn new(environment: impl IntoIterator<Item = (OsString, OsString)>) -> Self {
        let passes = |name: &OsStr| {
            INHERITED.iter().any(|kept| name == *kept)
                || !name.as_encoded_bytes().starts_with(b"GIT_")
        };
        Self {
            environment: environment
                .into_iter()
                .filter(|(name, _)| passes(name))
                .collect(),
            usable: OnceCell::new(),
        }
    }

    /// Returns true if the environment configures ssh.
    pub(crate) fn has_ssh_of_its_own(&self) -> bool {
        let says = |name: &OsString| name == "GIT_SSH" || name == "GIT_SSH_COMMAND";
        self.environment.iter().any(|(name, _)| says(name))
    }

    /// Returns a variable of the environment.
    pub(crate) fn variable(&self, name: &str) -> Option<&OsStr> {
        let has_name = |(it, _): &&(OsString, OsString)| it == name;
        // The last one counts, as for a process.
        let found = self.environment.iter().rev().find(has_name);
        found.map(|(_, value)| value.as_os_str())
    }

    /// Returns true if the environment has an address for commits, which git uses if none is
    /// configured.
    pub(crate) fn has_email(&self) -> bool {
        let says = |(name, value): &(OsString, OsString)| name == "EMAIL" && !value.is_empty();
        self.environment.iter().any(says)
    }

    /// Checks once that git is installed and recent enough.
    pub(crate) async fn check(&self) -> Result<(), WorkspaceError> {
        self.usable
            .get_or_try_init(|| async {
                let printed = self.call("print its version", ["version"]).text().await?;
                version::check(&printed)
            })
            .await
            .copied()
    }

    /// Returns the program by its path, as a shell would find it. A program that the operating
    /// system has to look for is started by a copy of this whole process (`fork`), which takes longer
    /// than many calls of git.
    fn program(&self) -> PathBuf {
        let path = self.variable("PATH");
        let folders = path.map(|folders| std::env::split_paths(folders));
        let mut candidates = folders
            .into_iter()
            .flatten()
            .filter(|folder| folder.is_absolute())
            .map(|folder| folder.join(PROGRAM));
        let is_program =
            |file: &PathBuf| file.is_file() && rustix::fs::access(file, Access::EXEC_OK).is_ok();
        candidates
            .find(is_program)
            .unwrap_or_else(|| PathBuf::from(PROGRAM))
    }

    /// Prepares a call with these arguments. `operation` completes the phrase "git failed to …".
    pub(crate) fn call<I>(&self, operation: &'static str, args: I) -> GitCommand<'static>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let mut command = Command::new(self.program());
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            // This crate reads and writes refs, which it knows as files only.
            .env("GIT_DEFAULT_REF_FORMAT", "files")
            // A replacement of an object would change what a commit says.
            .env("GIT_NO_REPLACE_OBJECTS", "1")
            .envs(IDENTITY);
        for setting in CONFIG {
            command.args(["-c", setting]);
        }
        command.arg("--literal-pathspecs");
        command.args(args);
        GitCommand {
            operation,
            command,
            folder: PathBuf::from("/"),
            lock: None,
            input: None,
            time_limit: LOCAL_LIMIT,
            configured: 0,
            watcher: None,
        }
    }

    /// Prepares a call that reads or writes a workspace. It has no configuration but that of this
    /// crate and of the git folder that it is given.
    pub(crate) fn own_call<I>(&self, operation: &'static str, args: I) -> GitCommand<'static>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let settings = OWN_CONFIG.iter().flat_map(|setting| ["-c", setting]);
        let args = args.into_iter().map(|arg| arg.as_ref().to_owned());
        let args = settings.map(OsString::from).chain(args);
        let mut call = self.call(operation, args);
        call.command.envs(OWN_ENVIRONMENT);
        call
    }
}

/// A prepared call.
pub(crate) struct GitCommand<'a> {
    operation: &'static str,
    command: Command,
    folder: PathBuf,
    lock: Option<&'a FileLock>,
    input: Option<Stdio>,
    time_limit: Duration,
    configured: usize,
    watcher: Option<Watcher>,
}

/// A receiver of the end of git's standard error, as it is written.
pub(crate) type Watcher = Arc<dyn Fn(&str) + Send + Sync>;

/// A receiver of git's standard output, in parts as they arrive.
pub(crate) type OutputReader<'a> = dyn FnMut(&[u8]) + Send + 'a;

/// The output of a call.
pub(crate) struct GitOutput {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    /// The end of its standard error, without credentials.
    pub(crate) said: String,
}

impl<'a> GitCommand<'a> {
    /// Sets the git folder of the repository, without discovery.
    pub(crate) fn git_dir(mut self, path: &Path) -> Self {
        self.command.env("GIT_DIR", path);
        self
    }

    /// Sets the folder with the files.
    pub(crate) fn work_tree(mut self, path: &Path) -> Self {
        self.command.env("GIT_WORK_TREE", path);
        self.at(path)
    }

    /// Starts git in this folder. The default is the root folder, so that no call depends on the
    /// working folder of this process.
    pub(crate) fn at(mut self, folder: &Path) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// Sets a configuration value for this call. It is passed in the environment, which only this
    /// user can read, because arguments are visible to every user of the host.
    pub(crate) fn config(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        let place = self.configured;
        self.configured += 1;
        self.command
            .env(format!("GIT_CONFIG_KEY_{place}"), key)
            .env(format!("GIT_CONFIG_VALUE_{place}"), value)
            .env("GIT_CONFIG_COUNT", self.configured.to_string());
        self
    }

    /// Runs the call under this lock. Git inherits the lock as its standard input, an empty file,
    /// so the lock is held until git ends, even if this process is killed.
    pub(crate) fn under(mut self, lock: &'a FileLock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// Sets git's standard input, which is otherwise empty. It replaces the lock there.
    pub(crate) fn input(mut self, input: impl Into<Stdio>) -> Self {
        self.input = Some(input.into());
        self
    }

    /// Passes the end of git's standard error to `watcher` whenever git writes to it, for calls with
    /// `--progress`.
    pub(crate) fn watched(mut self, watcher: Watcher) -> Self {
        self.watcher = Some(watcher);
        self
    }

    /// Replaces the default time limit, [`LOCAL_LIMIT`].
    pub(crate) const fn within(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Runs the call and returns its output. A failure is an error.
    pub(crate) async fn run(self) -> Result<Vec<u8>, WorkspaceError> {
        let operation = self.operation;
        let output = self.output().await?;
        if output.code == Some(0) {
            return Ok(output.stdout);
        }
        Err(WorkspaceError::Git {
            operation,
            detail: output.reason(),
        })
    }

    /// Runs the call, and passes its output to `take` as it arrives, whatever its size. A failure is
    /// an error.
    pub(crate) async fn run_into(self, take: &mut OutputReader<'_>) -> Result<(), WorkspaceError> {
        let operation = self.operation;
        let output = self.output_into(Some(take)).await?;
        if output.code == Some(0) {
            return Ok(());
        }
        Err(WorkspaceError::Git {
            operation,
            detail: output.reason(),
        })
    }

    /// Runs the call and returns its trimmed output as text. A failure is an error.
    pub(crate) async fn text(self) -> Result<String, WorkspaceError> {
        let printed = self.run().await?;
        Ok(String::from_utf8_lossy(&printed).trim().to_owned())
    }

    /// Runs the call and returns its trimmed output as text. `None` if it failed, which means "no"
    /// for a query with `--quiet`.
    pub(crate) async fn answer(self) -> Result<Option<String>, WorkspaceError> {
        let output = self.output().await?;
        let said_yes = output.code == Some(0);
        Ok(said_yes.then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    }

    /// Runs the call and returns its output, also after a failure.
    pub(crate) async fn output(self) -> Result<GitOutput, WorkspaceError> {
        self.output_into(None).await
    }

    async fn output_into(
        mut self,
        take: Option<&mut OutputReader<'_>>,
    ) -> Result<GitOutput, WorkspaceError> {
        let stdin = match (self.input.take(), self.lock) {
            (Some(input), _) => input,
            (None, Some(lock)) => Stdio::from(lock.share()?),
            (None, None) => Stdio::null(),
        };
        self.command
            .current_dir(&self.folder)
            .stdin(stdin)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true);
        let child = self
            .command
            .spawn()
            .map_err(|source| match self.folder.is_dir() {
                true => WorkspaceError::GitMissing { source },
                false => WorkspaceError::file("start git in", &self.folder)(source),
            })?;
        match tokio::time::timeout(
            self.time_limit,
            finish(child, self.operation, take, self.watcher.as_ref()),
        )
        .await
        {
            Ok(output) => output,
            Err(_) => Err(WorkspaceError::GitTimeout {
                operation: self.operation,
                limit: self.time_limit,
            }),
        }
    }
}

impl GitOutput {
    /// Returns the reason of a failure, from git's output if possible.
    pub(crate) fn reason(&self) -> String {
        match (self.said.is_empty(), self.code) {
            (false, _) => self.said.clone(),
            (true, Some(code)) => format!("exit code {code} without output"),
            (true, None) => "killed by a signal".to_owned(),
        }
    }
}

async fn finish(
    mut child: Child,
    operation: &'static str,
    take: Option<&mut OutputReader<'_>>,
    watcher: Option<&Watcher>,
) -> Result<GitOutput, WorkspaceError> {
    let failed = |source| WorkspaceError::File {
        operation: "read the output of",
        path: "git".into(),
        source,
    };
    // Declared after the child and therefore dropped before it. The group is signalled while its
    // leader has not been reaped, so its id cannot belong to another group.
    let mut group = Group::led_by(&child);
    // Both pipes were requested at the start of the child and are taken only here.
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, said) =
        tokio::try_join!(read_all(stdout, take), read_end(stderr, watcher)).map_err(failed)?;
    let stdout = stdout.ok_or(WorkspaceError::GitOutput {
        operation,
        limit_bytes: OUTPUT_MAX,
    })?;
    let status = child.wait().await.map_err(failed)?;
    group.is_over();
    Ok(GitOutput {
        code: status.code(),
        stdout,
        said: without_credentials(&without_progress(&String::from_utf8_lossy(&said))),
    })
}

/// Returns what git said without its progress: lines that it overwrites, and counts.
fn without_progress(said: &str) -> String {
    let lines = said.trim().split('\n');
    let lines = lines.map(|line| line.rsplit('\r').next().unwrap_or(line));
    let is_count = |line: &&str| line.contains("% (") || line.starts_with("remote: Enumerating ");
    lines
        .filter(|line| !is_count(line))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Kills a call's process group if the call is dropped. Otherwise git's children (ssh, the
/// transport) would live until they notice.
struct Group(Option<Pid>);

impl Group {
    fn led_by(child: &Child) -> Self {
        Self(
            child
                .id()
                .and_then(|id| i32::try_from(id).ok())
                .and_then(Pid::from_raw),
        )
    }

    fn is_over(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0
            && let Err(error) = kill_process_group(leader, Signal::KILL)
        {
            tracing::debug!(%error, "an abandoned git process had already exited");
        }
    }
}

/// Reads everything; `None` if it exceeds [`OUTPUT_MAX`]. With `take` everything is passed to it, and
/// nothing is returned.
async fn read_all(
    reader: Option<impl AsyncRead + Unpin>,
    take: Option<&mut OutputReader<'_>>,
) -> std::io::Result<Option<Vec<u8>>> {
    let mut all = Vec::new();
    let Some(mut reader) = reader else {
        return Ok(Some(all));
    };
    if let Some(take) = take {
        let mut part = vec![0; PART_BYTES];
        loop {
            let count = reader.read(&mut part).await?;
            if count == 0 {
                return Ok(Some(all));
            }
            take(&part[..count]);
        }
    }
    let limit = u64::try_from(OUTPUT_MAX).unwrap_or(u64::MAX);
    reader
        .take(limit.saturating_add(1))
        .read_to_end(&mut all)
        .await?;
    Ok((all.len() <= OUTPUT_MAX).then_some(all))
}

/// Returns the last [`STDERR_MAX`] bytes.
async fn read_end(
    reader: Option<impl AsyncRead + Unpin>,
    watcher: Option<&Watcher>,
) -> std::io::Result<Vec<u8>> {
    let mut end = Vec::new();
    let Some(mut reader) = reader else {
        return Ok(end);
    };
    let mut chunk = [0; STDERR_MAX];
    loop {
        let count = reader.read(&mut chunk).await?;
        if count == 0 {
            return Ok(end);
        }
        end.extend_from_slice(&chunk[..count]);
        let excess = end.len().saturating_sub(STDERR_MAX);
        end.drain(..excess);
        if let Some(watcher) = watcher {
            watcher(&String::from_utf8_lossy(&end));
        }
    }
}
