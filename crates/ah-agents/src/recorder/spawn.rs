//! Starting a recorder.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::word;
use crate::process::RECORDER_MARK;
use crate::{LaunchSpec, SESSION_MARK, SessionFolder};

/// How long a recorder may take until it listens.
const READY_WAIT_MAX: Duration = Duration::from_secs(20);

/// How much of what a recorder says before it begins is listened to, in bytes.
const WORD_BYTES_MAX: u64 = 4 * 1024;

/// The command that is a recorder, such as `ah agent record --folder`. The folder is added to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecorderCommand {
    /// The program: an absolute path, or a name that is looked for in `PATH`. The recorder's
    /// working folder is the session's.
    pub program: PathBuf,
    /// Its arguments, without the folder.
    pub args: Vec<String>,
}

/// Why a recorder could not be started.
#[derive(Debug, thiserror::Error)]
pub enum SpawnError {
    /// Its folder could not be made ready, or the program not be run.
    #[error("could not {doing} {}", path.display())]
    Io {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// The session had a recorder, whose journal is there. It does not get a second one.
    #[error("the session of {} was recorded already", folder.display())]
    AlreadyRan {
        /// The session's folder.
        folder: PathBuf,
    },
    /// The recorder said why it cannot begin, or ended without a word.
    #[error("the recorder did not begin: {reason}")]
    Failed {
        /// Why, in words.
        reason: String,
    },
    /// It was waited for in vain.
    #[error("the recorder did not begin, or did not give up, within {} s", READY_WAIT_MAX.as_secs())]
    TooSlow,
}

/// Starts the recorder of a session as a process that outlives the caller, and waits until it
/// listens. A session that has a living recorder keeps it, and that is a success.
///
/// That it listens does not say that the agent could be started; the journal does. An agent that
/// ends at once takes the recorder with it, and then the journal is read from the file.
///
/// The folder is made (mode 0700) when it is not there, and the launch spec written into it.
///
/// # Errors
/// When the recorder cannot be started or says why it cannot begin; nothing is left of it then.
pub async fn spawn(
    command: &RecorderCommand,
    folder: &SessionFolder,
    spec: &LaunchSpec,
) -> Result<(), SpawnError> {
    let log = prepare(folder, spec)?;
    let mut recorder = detached(command, folder, log)?;
    let said = match recorder.stdout.take() {
        Some(output) => tokio::time::timeout(READY_WAIT_MAX, first_line(output)).await,
        None => Ok(String::new()),
    };
    let Ok(said) = said else {
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
    // It is a child of ours for as long as we live, and leaves no zombie when it ends.
    let ended = tokio::spawn(async move {
        if let Err(error) = recorder.wait().await {
            tracing::debug!(%error, "the end of a recorder was not seen");
        }
    });
    if said != word::READY && tokio::time::timeout(READY_WAIT_MAX, ended).await.is_err() {
        return Err(SpawnError::TooSlow);
    }
    match said.as_str() {
        word::READY | word::TAKEN => Ok(()),
        word::SPENT => Err(SpawnError::AlreadyRan {
            folder: folder.path().to_owned(),
        }),
        said => {
            let reason = match said.strip_prefix(word::FAILED) {
                Some(reason) => reason.to_owned(),
                None => format!(
                    "it ended without a word; {} may tell",
                    folder.log().display()
                ),
            };
            Err(SpawnError::Failed { reason })
        }
    }
}

/// Makes the folder, writes the launch spec whole or not at all, and opens the log.
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

/// Writes the launch spec under a name that nobody else writes, and renames it.
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
        // It holds what nobody is to read later. Why it could not be written is what is told.
        std::fs::remove_file(&unfinished).ok();
    })
}

/// Runs the command in a session of its own, so that neither our terminal nor our process group
/// takes it down with us.
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
        // We may run inside of a session ourselves. The one that begins here is not part of it.
        .env_remove(SESSION_MARK)
        .env(RECORDER_MARK, "1")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log);
    // SAFETY: `setsid` is one system call; it neither allocates nor locks.
    unsafe {
        process.pre_exec(|| {
            rustix::process::setsid()?;
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
