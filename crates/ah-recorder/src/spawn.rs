//! The start of a recorder.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use crate::context;
use crate::process::{RECORDER_MARK, SESSION_MARK, descriptors};
use crate::run::word;
use ah_agents::{LaunchSpec, SessionFolder};

/// The maximum time until a recorder listens.
const READY_WAIT_MAX: Duration = Duration::from_secs(20);

/// The maximum size of a recorder's status line, in bytes.
const WORD_BYTES_MAX: u64 = 4 * 1024;

/// The command that runs a recorder, such as `ah agent record --folder`. The folder is appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderCommand {
    /// The program: an absolute path, or a name that is searched in `PATH`. The recorder's working
    /// directory is the session's folder.
    pub program: PathBuf,
    /// The arguments, without the folder.
    pub args: Vec<String>,
}

/// The error of a recorder that could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// The folder could not be prepared, or the program could not be run.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// The operation that failed.
        doing: &'static str,
        /// The path that it concerned.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The session had a recorder before, whose journal exists. It does not get a second one.
    #[error("the session of {} was recorded already", folder.display())]
    AlreadyRan {
        /// The session's folder.
        folder: PathBuf,
    },
    /// The recorder reported a failure, or ended without a status line.
    #[error("the recorder did not begin: {reason}")]
    Failed {
        /// The reason as text.
        reason: String,
    },
    /// The recorder neither started nor failed in time.
    #[error("the recorder did not begin, or did not give up, within {} s", READY_WAIT_MAX.as_secs())]
    TooSlow,
}

/// Starts the recorder of a session as a process that outlives the caller, and waits until it
/// listens. Succeeds without starting another one if a recorder of the session is alive.
///
/// Success does not imply that the agent was started; the journal records that. An agent that ends
/// at once takes the recorder with it; the journal is then read from the file.
///
/// Creates the folder (mode 0700) if it is missing, and writes the launch spec to it.
///
/// # Errors
/// Returns an error if the recorder cannot be started or reports a failure; no recorder is left
/// then.
pub async fn spawn(
    command: &RecorderCommand,
    folder: &SessionFolder,
    spec: &LaunchSpec,
) -> Result<(), SpawnError> {
    let log = prepare(folder, spec)?;
    let mut recorder = detached(command, folder, log)?;
    let status = match recorder.stdout.take() {
        Some(output) => tokio::time::timeout(READY_WAIT_MAX, first_line(output)).await,
        None => Ok(String::new()),
    };
    let Ok(status) = status else {
        if let Err(source) = recorder.kill().await {
            let path = command.program.clone();
            return Err(SpawnError::Io {
                doing: "end the recorder",
                path,
                source,
            });
        }
        return Err(SpawnError::TooSlow);
    };
    // The recorder is a child of this process for as long as this lives, so it must be reaped.
    #[expect(
        clippy::disallowed_methods,
        reason = "it reaps the recorder, which outlives this call"
    )]
    let ended = tokio::spawn(async move {
        if let Err(error) = recorder.wait().await {
            tracing::debug!(%error, "the end of a recorder was not seen");
        }
    });
    if status != word::READY && tokio::time::timeout(READY_WAIT_MAX, ended).await.is_err() {
        return Err(SpawnError::TooSlow);
    }
    match status.as_str() {
        word::READY | word::TAKEN => Ok(()),
        word::SPENT => Err(SpawnError::AlreadyRan {
            folder: folder.path().to_owned(),
        }),
        status => {
            let reason = match status.strip_prefix(word::FAILED) {
                Some(reason) => reason.to_owned(),
                None => format!("it ended without a message; see {}", folder.log().display()),
            };
            Err(SpawnError::Failed { reason })
        }
    }
}

/// Creates the folder, writes the launch spec atomically, and opens the log.
fn prepare(folder: &SessionFolder, spec: &LaunchSpec) -> Result<File, SpawnError> {
    let failed = |doing, path: PathBuf| {
        move |source: io::Error| SpawnError::Io {
            doing,
            path,
            source,
        }
    };
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder.path())
        .map_err(failed("make the folder", folder.path().to_owned()))?;
    write_whole(folder, spec).map_err(failed("write the launch spec", folder.launch()))?;
    File::options()
        .append(true)
        .create(true)
        .mode(0o600)
        .open(folder.log())
        .map_err(failed("open the log", folder.log()))
}

/// Writes the launch spec to a file with a unique name, and renames it.
fn write_whole(folder: &SessionFolder, spec: &LaunchSpec) -> io::Result<()> {
    static WRITTEN: AtomicU64 = AtomicU64::new(0);
    let number = WRITTEN.fetch_add(1, Ordering::Relaxed);
    let name = format!("json.{}-{number}.new", std::process::id());
    let unfinished = folder.launch().with_extension(name);
    let write = || {
        let mut file = File::options()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&unfinished)?;
        file.write_all(&serde_json::to_vec_pretty(spec)?)?;
        std::fs::rename(&unfinished, folder.launch())
    };
    write().inspect_err(|_| {
        // The file may hold secrets. The error of the write is the one to report.
        std::fs::remove_file(&unfinished).ok();
    })
}

/// Runs the command in a session of its own, so that neither the terminal nor the process group of
/// the caller ends it.
#[expect(
    unsafe_code,
    reason = "what a process does to itself before it becomes another program has no safe form"
)]
fn detached(
    command: &RecorderCommand,
    folder: &SessionFolder,
    log: File,
) -> Result<tokio::process::Child, SpawnError> {
    let failed = |source| SpawnError::Io {
        doing: "run the recorder",
        path: command.program.clone(),
        source,
    };
    let path = std::path::absolute(folder.path()).map_err(failed)?;
    let mut process = Command::new(&command.program);
    process
        .args(&command.args)
        .arg(&path)
        .current_dir(&path)
        // This process may belong to a session itself; the new session is not part of it.
        .env_remove(SESSION_MARK)
        .env(RECORDER_MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    let descriptors = descriptors::inherited();
    // SAFETY: `reset` and `setrlimit` only make system calls; they neither allocate nor lock.
    unsafe {
        process.pre_exec(move || {
            context::reset()?;
            if let Some(limit) = descriptors {
                rustix::process::setrlimit(rustix::process::Resource::Nofile, limit)?;
            }
            Ok(())
        });
    }
    process.spawn().map_err(failed)
}

async fn first_line(output: tokio::process::ChildStdout) -> String {
    let mut line = String::new();
    match BufReader::new(output.take(WORD_BYTES_MAX))
        .read_line(&mut line)
        .await
    {
        Ok(_) => line.trim_end().to_owned(),
        Err(error) => format!("{}its output could not be read: {error}", word::FAILED),
    }
}
