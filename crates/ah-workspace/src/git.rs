//! The `git` program: the one place that starts it.
//!
//! Every call is an argument vector, gets an environment and a configuration of its own, and has
//! an end: a time limit, a bound on what is read, and death with its process group when the caller
//! goes away.

mod redact;
#[cfg(test)]
mod tests;
mod version;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::OnceCell;

use crate::WorkspaceError;
use crate::lock::FileLock;

pub(crate) use redact::without_credentials;
pub use version::GIT_VERSION_MIN;

/// How long a call may take that only works on this host's disk.
pub(crate) const LOCAL_LIMIT: Duration = Duration::from_secs(60);
/// How long a call may take that moves a whole repository: over the network, or out to a folder.
pub(crate) const TRANSFER_LIMIT: Duration = Duration::from_secs(600);
/// How much of git's standard output is read, in bytes.
pub(crate) const OUTPUT_MAX: usize = 64 * 1024 * 1024;
/// How much of git's standard error is kept, in bytes: the end of it, where the reason stands.
const STDERR_MAX: usize = 4096;

/// What every call is configured with, over whatever the user's own configuration says.
const CONFIG: [&str; 10] = [
    // Nothing that a repository or a user has hooked in runs on our account.
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "protocol.ext.allow=never",
    // Nothing goes on in the background after a call is over, and nothing collects what a running
    // session has not given a name yet.
    "gc.auto=0",
    "maintenance.auto=false",
    // A repository that this user may read may be worked on, whoever owns it: we only read it.
    "safe.directory=*",
    "safe.bareRepository=all",
    // Line endings are git's business; that one cannot be restored must not stop a snapshot.
    "core.safecrlf=false",
    "submodule.recurse=false",
    "fetch.recurseSubmodules=false",
];

/// Variables of git that stay as the user has them: where the user's configuration is, and how the
/// network is reached. All others that begin with `GIT_` are removed, because any of them can
/// point a call at another repository, index, identity or program.
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

/// Who makes the commits that no person and no agent makes.
const IDENTITY: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "Agent Harbor"),
    ("GIT_AUTHOR_EMAIL", "agent-harbor@localhost"),
    ("GIT_COMMITTER_NAME", "Agent Harbor"),
    ("GIT_COMMITTER_EMAIL", "agent-harbor@localhost"),
];

/// The program, and the variables that it gets.
#[derive(Debug)]
pub(crate) struct Git {
    environment: Vec<(OsString, OsString)>,
    usable: OnceCell<()>,
}

impl Git {
    /// Git in this environment, of which it gets what does not say what to work on.
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

    /// Whether the environment says how ssh is started.
    pub(crate) fn has_ssh_of_its_own(&self) -> bool {
        let says = |name: &OsString| name == "GIT_SSH" || name == "GIT_SSH_COMMAND";
        self.environment.iter().any(|(name, _)| says(name))
    }

    /// Makes sure, once, that there is a git and that it is new enough.
    pub(crate) async fn check(&self) -> Result<(), WorkspaceError> {
        self.usable
            .get_or_try_init(|| async {
                let printed = self.call("tell its version", ["version"]).text().await?;
                version::check(&printed)
            })
            .await
            .copied()
    }

    /// A call with these arguments. `operation` says what it is for: "git failed to …".
    pub(crate) fn call<I>(&self, operation: &'static str, args: I) -> Call<'static>
    where
        I: IntoIterator,
        I::Item: AsRef<OsStr>,
    {
        let mut command = Command::new("git");
        command
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .env("LC_ALL", "C")
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("GIT_OPTIONAL_LOCKS", "0")
            .envs(IDENTITY);
        for setting in CONFIG {
            command.args(["-c", setting]);
        }
        command.arg("--literal-pathspecs");
        command.args(args);
        Call {
            operation,
            command,
            folder: PathBuf::from("/"),
            lock: None,
            time_limit: LOCAL_LIMIT,
            configured: 0,
        }
    }
}

/// A call to be made.
pub(crate) struct Call<'a> {
    operation: &'static str,
    command: Command,
    folder: PathBuf,
    lock: Option<&'a FileLock>,
    time_limit: Duration,
    configured: usize,
}

/// What a call gave.
pub(crate) struct Output {
    /// Its exit code; absent when a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    /// The end of what it said, without credentials.
    pub(crate) said: String,
}

impl<'a> Call<'a> {
    /// Works on the repository in this git folder, without looking for one.
    pub(crate) fn git_dir(mut self, path: &Path) -> Self {
        self.command.env("GIT_DIR", path);
        self
    }

    /// Works on the files in this folder.
    pub(crate) fn work_tree(mut self, path: &Path) -> Self {
        self.command.env("GIT_WORK_TREE", path);
        self.at(path)
    }

    /// Starts git in this folder. It is the root when nothing else is said: no call depends on
    /// where this process happens to be.
    pub(crate) fn at(mut self, folder: &Path) -> Self {
        self.folder = folder.to_owned();
        self
    }

    /// With this variable in git's environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(name, value);
        self
    }

    /// A setting for this call alone. It goes by the environment, which only this user can read;
    /// arguments are seen by every user of the host.
    pub(crate) fn config(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        let place = self.configured;
        self.configured += 1;
        self.command
            .env(format!("GIT_CONFIG_KEY_{place}"), key)
            .env(format!("GIT_CONFIG_VALUE_{place}"), value)
            .env("GIT_CONFIG_COUNT", self.configured.to_string());
        self
    }

    /// Works under this lock. Git keeps it open as its standard input, an empty file, so that the
    /// lock is held as long as git is at work, even when this process is killed before.
    pub(crate) fn under(mut self, lock: &'a FileLock) -> Self {
        self.lock = Some(lock);
        self
    }

    /// With another time limit than [`LOCAL_LIMIT`].
    pub(crate) const fn within(mut self, limit: Duration) -> Self {
        self.time_limit = limit;
        self
    }

    /// Makes the call and gives what it printed. It must succeed.
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

    /// Makes the call and gives the text that it printed, trimmed. It must succeed.
    pub(crate) async fn text(self) -> Result<String, WorkspaceError> {
        let printed = self.run().await?;
        Ok(String::from_utf8_lossy(&printed).trim().to_owned())
    }

    /// Makes the call and gives the text that it printed, trimmed; nothing when it failed, which
    /// for a question with `--quiet` means no.
    pub(crate) async fn answer(self) -> Result<Option<String>, WorkspaceError> {
        let output = self.output().await?;
        let said_yes = output.code == Some(0);
        Ok(said_yes.then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned()))
    }

    /// Makes the call, however it ends.
    pub(crate) async fn output(mut self) -> Result<Output, WorkspaceError> {
        let stdin = match self.lock {
            Some(lock) => Stdio::from(lock.share()?),
            None => Stdio::null(),
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
        match tokio::time::timeout(self.time_limit, finish(child, self.operation)).await {
            Ok(output) => output,
            Err(_) => Err(WorkspaceError::GitTimeout {
                operation: self.operation,
                limit: self.time_limit,
            }),
        }
    }
}

impl Output {
    /// Why it failed, in git's words if it had any.
    pub(crate) fn reason(&self) -> String {
        match (self.said.is_empty(), self.code) {
            (false, _) => self.said.clone(),
            (true, Some(code)) => format!("it exited with {code} and said nothing"),
            (true, None) => "a signal ended it".to_owned(),
        }
    }
}

async fn finish(mut child: Child, operation: &'static str) -> Result<Output, WorkspaceError> {
    let failed = |source| WorkspaceError::File {
        operation: "read what is printed by",
        path: "git".into(),
        source,
    };
    // Declared after the child and so dropped before it: the group is signalled while the child,
    // its leader, has not been waited for, and the id cannot have passed to another group.
    let mut group = Group::led_by(&child);
    // Both were asked for when the child was started, and nobody has taken them.
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let (stdout, said) = tokio::try_join!(read_all(stdout), read_end(stderr)).map_err(failed)?;
    let stdout = stdout.ok_or(WorkspaceError::GitOutput {
        operation,
        limit_bytes: OUTPUT_MAX,
    })?;
    let status = child.wait().await.map_err(failed)?;
    group.is_over();
    Ok(Output {
        code: status.code(),
        stdout,
        said: without_credentials(String::from_utf8_lossy(&said).trim()),
    })
}

/// Ends a call's process group when the call is given up: git's own children (ssh, the transport)
/// would otherwise live until they notice.
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
            tracing::debug!(%error, "a git that was given up had ended already");
        }
    }
}

/// All of it, or nothing when it is over [`OUTPUT_MAX`].
async fn read_all(reader: Option<impl AsyncRead + Unpin>) -> std::io::Result<Option<Vec<u8>>> {
    let mut all = Vec::new();
    if let Some(reader) = reader {
        let limit = u64::try_from(OUTPUT_MAX).unwrap_or(u64::MAX);
        reader
            .take(limit.saturating_add(1))
            .read_to_end(&mut all)
            .await?;
    }
    Ok((all.len() <= OUTPUT_MAX).then_some(all))
}

/// The last [`STDERR_MAX`] bytes of it.
async fn read_end(reader: Option<impl AsyncRead + Unpin>) -> std::io::Result<Vec<u8>> {
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
    }
}
