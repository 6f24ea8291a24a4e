//! The recorder: a detached process that runs one agent, writes down what it does, and outlives the
//! access point. To an agent it is what a shim is to a container.
//!
//! Two sides are here. [`main`] is the recorder itself, which `ah agent record` runs. [`spawn`],
//! [`is_alive`] and [`crate::Attendance`] are for whoever attends to it.

mod agent;
pub(crate) mod clock;
mod ending;
mod lines;
mod lock;
pub(crate) mod server;
mod session;
mod spawn;

use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;

use tokio::sync::mpsc;

use crate::journal::{JournalError, JournalWriter};
use crate::{LaunchSpec, SessionFolder};
use lock::RecorderLock;

pub use spawn::{RecorderCommand, SpawnError, spawn};

/// How many connections wait to be looked at.
const ARRIVALS_WAITING_MAX: usize = 8;

/// How many requests wait to be done.
const REQUESTS_WAITING_MAX: usize = 64;

/// What a recorder says on its standard output, a word a line, before it begins.
pub(crate) mod word {
    /// It listens, and is about to start the agent.
    pub(crate) const READY: &str = "ready";
    /// Another recorder has the session.
    pub(crate) const TAKEN: &str = "taken";
    /// The session had its recorder: there is a journal.
    pub(crate) const SPENT: &str = "spent";
    /// It cannot begin; why follows on the same line.
    pub(crate) const FAILED: &str = "failed: ";
}

/// Whether the session of `folder` has a recorder.
///
/// # Errors
/// When the lock cannot be looked at.
pub fn is_alive(folder: &SessionFolder) -> io::Result<bool> {
    lock::is_held(folder)
}

/// The recorder's process, if the session of `folder` has one.
///
/// # Errors
/// When the lock cannot be looked at.
pub fn pid(folder: &SessionFolder) -> io::Result<Option<u32>> {
    Ok(lock::holder(folder)?.map(|pid| pid.as_raw_nonzero().get().unsigned_abs()))
}

/// Runs the recorder of the session whose folder this is, to the session's end. It is to be called
/// on the main thread of a process of its own.
///
/// Without anything to do (another recorder has the session, or had it) it succeeds at once.
#[must_use]
pub fn main(folder: &Path) -> ExitCode {
    match begin_and_run(&SessionFolder::at(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("{}{error}", word::FAILED));
            // Standard error is the log in the session's folder.
            eprintln!("the recorder has failed: {error}");
            ExitCode::FAILURE
        }
    }
}

fn begin_and_run(folder: &SessionFolder) -> io::Result<()> {
    let Some(lock) = RecorderLock::take(folder)? else {
        say(word::TAKEN);
        return Ok(());
    };
    let mut journal = JournalWriter::open(folder).map_err(io::Error::other)?;
    if journal.len() > 0 {
        // Whoever has just written a launch spec did so in vain.
        remove(&folder.launch())?;
        say(word::SPENT);
        return Ok(());
    }
    let spec = read_launch_spec(folder)?;
    // Orphans of the agent become children of ours, so that none escapes the sweep.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700))?;
    crate::process::leave_sessions();
    // One thread: the agent dies with the thread that started it, so that has to be this one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let ended = runtime.block_on(async {
        let listener = server::listen(folder)?;
        let (arrivals_in, arrivals) = mpsc::channel(ARRIVALS_WAITING_MAX);
        let (heard_from, heard) = mpsc::channel(REQUESTS_WAITING_MAX);
        tokio::spawn(server::accept(listener, arrivals_in));
        let signals = session::Signals::listen()?;
        // Whoever hears that we are there finds a journal, even if we die at once; and where none
        // can be written no agent is started.
        let begun = session::begun();
        journal.append(&[begun]).map_err(told)?;
        say(word::READY);
        let doors = session::Doors {
            arrivals,
            heard,
            heard_from,
        };
        let ended = Box::pin(session::run(spec, folder, journal, doors, signals)).await;
        let removed = remove(&folder.launch());
        // Before the socket goes: whoever is not let in any more finds that there is no recorder.
        drop(lock);
        std::fs::remove_file(folder.socket())?;
        ended.and(removed)
    });
    // The removal of a home that takes too long is not waited for.
    runtime.shutdown_background();
    ended
}

/// An error of the journal with what lies behind it, since it ends up as one line.
fn told(error: JournalError) -> io::Error {
    match &error {
        JournalError::Io { source, .. } => {
            io::Error::new(source.kind(), format!("{error}: {source}"))
        }
        JournalError::Malformed { .. } => io::Error::other(error),
    }
}

/// Removes a file that need not be there.
fn remove(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
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

/// Says `line` to whoever started the recorder.
fn say(line: &str) {
    let mut output = io::stdout().lock();
    if let Err(error) = writeln!(output, "{line}").and_then(|()| output.flush()) {
        // Whoever started it is gone, which is no reason not to begin.
        tracing::debug!(%error, "nobody hears the recorder");
    }
}
