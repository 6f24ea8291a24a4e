//! The process of the recorder: its lock, its start, and its status lines.

use std::io::{self, IsTerminal as _, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use ah_agents::{LaunchSpec, SessionFolder};
use rustix::io::Errno;
use rustix::process::{PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::{mpsc, watch};
use tracing::Instrument as _;

use crate::files::remove;
use crate::journal::{JournalError, JournalWriter};
use crate::lock::{self, RecorderLock};
use crate::tasks::RecorderTasks;
use crate::{server, session};

/// The maximum number of accepted connections that wait to attach.
const ARRIVALS_WAITING_MAX: usize = 8;

/// The maximum number of requests that wait to be processed.
const REQUESTS_WAITING_MAX: usize = 64;

/// The status lines that a recorder writes to its standard output before it starts the agent.
pub(crate) mod word {
    /// The recorder listens and is about to start the agent.
    pub(crate) const READY: &str = "ready";
    /// Another recorder holds the lock of the session.
    pub(crate) const TAKEN: &str = "taken";
    /// The session had a recorder before: its journal is not empty.
    pub(crate) const SPENT: &str = "spent";
    /// The recorder cannot start; the reason follows on the same line.
    pub(crate) const FAILED: &str = "failed: ";
}

/// Returns true if the session of `folder` has a recorder.
///
/// # Errors
/// Returns an error if the lock cannot be queried.
pub fn is_alive(folder: &SessionFolder) -> io::Result<bool> {
    lock::is_held(folder)
}

/// Returns the process id of the recorder of `folder`, or `None` if there is none.
///
/// # Errors
/// Returns an error if the lock cannot be queried.
pub fn pid(folder: &SessionFolder) -> io::Result<Option<u32>> {
    Ok(lock::holder(folder)?.map(|pid| pid.as_raw_nonzero().get().unsigned_abs()))
}

/// Kills the recorder of `folder` with SIGKILL, if there is one. Its agent is killed with it, and the
/// caller ends what else is left with [`sweep_folder`](crate::sweep_folder).
///
/// For a recorder that does not answer: it may be stopped, or blocked by a dead disk.
///
/// # Errors
/// Returns an error if the lock cannot be queried, or if the recorder may not be killed.
pub fn kill(folder: &SessionFolder) -> io::Result<()> {
    let Some(recorder) = lock::holder(folder)? else {
        return Ok(());
    };
    let handle = match pidfd_open(recorder, PidfdFlags::empty()) {
        Err(Errno::SRCH) => return Ok(()),
        handle => handle?,
    };
    // The number may have been given to another process before the handle was opened.
    if lock::holder(folder)? != Some(recorder) {
        return Ok(());
    }
    match pidfd_send_signal(handle, Signal::KILL) {
        Err(Errno::SRCH) => Ok(()),
        result => Ok(result?),
    }
}

/// Runs the recorder of the session in `folder` until the session ends. Must be called on the main
/// thread of its own process.
///
/// Succeeds at once if another recorder holds the session or has recorded it.
#[must_use]
pub fn main(folder: &Path) -> ExitCode {
    match begin_and_run(&SessionFolder::at(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let reason = format!("session folder {}: {error}", folder.display());
            // At a terminal, both streams would show the same error.
            if !io::stdout().is_terminal() {
                report(&format!("{}{reason}", word::FAILED));
            }
            // Standard error is the log in the session's folder.
            eprintln!("error: the recorder has failed: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn begin_and_run(folder: &SessionFolder) -> io::Result<()> {
    let Some(lock) = RecorderLock::take(folder)? else {
        report(word::TAKEN);
        return Ok(());
    };
    let mut journal = JournalWriter::open(folder).map_err(io::Error::other)?;
    if journal.len() > 0 {
        // The launch spec was written for a session that is recorded already; it may hold secrets.
        remove(&folder.launch())?;
        report(word::SPENT);
        return Ok(());
    }
    let spec = read_launch_spec(folder)?;
    // Orphans of the agent become children of the recorder, so that the sweep finds them all.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
    crate::process::leave_sessions();
    // Single-threaded: the agent is killed when the thread that started it ends, so that must be
    // the main thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let listener = server::listen(folder)?;
        let (arrivals_in, arrivals) = mpsc::channel(ARRIVALS_WAITING_MAX);
        let (request_sender, received) = mpsc::channel(REQUESTS_WAITING_MAX);
        let tasks = RecorderTasks::default();
        let (info, last_info) = watch::channel(session::initial_info(&spec));
        tasks.spawn(server::accept(
            listener,
            arrivals_in,
            last_info,
            tasks.clone(),
        ));
        let signals = session::Signals::listen()?;
        // Written before `READY`: the starter finds a journal even if the recorder dies at once,
        // and no agent is started if the journal cannot be written.
        let begun = session::begun();
        journal.append(&[begun]).map_err(JournalError::into_io)?;
        report(word::READY);
        let inputs = session::SessionInputs {
            arrivals,
            received,
            request_sender,
            info,
            tasks: tasks.clone(),
        };
        let span = tracing::info_span!(
            "record",
            session.id = %spec.session_id,
            agent = %spec.agent.agent_type,
        );
        let run = session::run(spec, folder, journal, inputs, signals);
        let ended = Box::pin(run.instrument(span)).await;
        let removed = remove(&folder.launch());
        // Released before the socket is removed: a refused connection then means that no recorder
        // runs.
        drop(lock);
        // An access point that sees the end of the session removes the whole folder.
        let removed = removed.and(remove(&folder.socket()));
        tasks.shut_down().await;
        ended.and(removed)
    });
    // A removal of the home that takes too long is not awaited.
    runtime.shutdown_background();
    ended
}

fn read_launch_spec(folder: &SessionFolder) -> io::Result<LaunchSpec> {
    let path = folder.launch();
    let read = || Ok(serde_json::from_slice(&std::fs::read(&path)?)?);
    read().map_err(|error: io::Error| {
        io::Error::new(
            error.kind(),
            format!("could not read the launch spec {}: {error}", path.display()),
        )
    })
}

/// Writes `line` to the process that started the recorder.
fn report(line: &str) {
    let mut output = io::stdout().lock();
    if let Err(error) = writeln!(output, "{line}").and_then(|()| output.flush()) {
        // The starter has ended, which does not prevent the recorder from starting.
        tracing::debug!(%error, "the recorder has no client to report to");
    }
}
