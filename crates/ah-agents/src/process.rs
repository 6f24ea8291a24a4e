//! Processes as `/proc` tells of them: finding a process's descendants or a session's processes,
//! stopping them all, ending them all.
//!
//! Agents run their commands in process groups and sessions of their own, so a group is never
//! enough (design law 5): what belongs together is found by parentage, by a mark in the
//! environment, or by a control group.

mod cgroup;
mod sweep;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;

pub(crate) use cgroup::{Cgroup, leave_sessions};
pub(crate) use sweep::{Swept, sweep};
pub use sweep::{sweep_folder, sweep_session};

/// The variable that marks every process of a session: its value is the session's id.
pub const SESSION_MARK: &str = "AH_SESSION_ID";

/// The variable that marks a recorder and nothing else: what a recorder starts does not have it. A
/// session that was begun from inside of another one is found by it, and left alone: it is a
/// session of its own.
pub(crate) const RECORDER_MARK: &str = "AH_RECORDER";

/// The pauses between two looks at processes that nobody tells of: the first, and the longest.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// How long [`freeze`] tries. Stopping takes microseconds on an idle machine.
const FREEZE_WAIT_MAX: Duration = Duration::from_secs(3);

/// A process, told apart from a later one of the same number by when it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProcessId {
    pid: Pid,
    /// In clock ticks since the machine was started.
    started: u64,
}

/// What `/proc/<pid>/stat` says, as far as it matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    pub(crate) id: ProcessId,
    pub(crate) parent: i32,
    /// The session of setsid(2) that it is in, by the number of the process that leads it.
    leader: i32,
    state: u8,
}

impl ProcessId {
    pub(crate) const fn pid(self) -> Pid {
        self.pid
    }
}

impl ProcessStat {
    /// Reads `/proc/<pid>/stat`; `None` when there is no such process any more.
    pub(crate) fn read(pid: i32) -> io::Result<Option<Self>> {
        match fs::read(format!("/proc/{pid}/stat")) {
            Ok(text) => Self::parse(&text).map(Some).ok_or_else(|| {
                io::Error::new(
                    io::ErrorKind::InvalidData,
                    format!("/proc/{pid}/stat is not in the format of proc(5)"),
                )
            }),
            Err(error) if is_gone(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The second field, the program's name, may hold blanks and parentheses, so fields are
    /// counted from the last parenthesis on.
    fn parse(text: &[u8]) -> Option<Self> {
        let text = String::from_utf8_lossy(text);
        let pid = text.split(' ').next()?.parse().ok()?;
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_ascii_whitespace().collect();
        Some(Self {
            id: ProcessId {
                pid: Pid::from_raw(pid)?,
                started: fields.get(19)?.parse().ok()?,
            },
            parent: fields.get(1)?.parse().ok()?,
            leader: fields.get(3)?.parse().ok()?,
            state: *fields.first()?.as_bytes().first()?,
        })
    }

    /// Whether it has ended and only waits for its parent to take note.
    pub(crate) const fn is_dead(self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    const fn is_stopped(self) -> bool {
        matches!(self.state, b'T' | b't')
    }

    /// Whether it waits inside of the kernel for what no signal interrupts: a disk, or the child
    /// of a `vfork` that has not become another program yet, which may itself be stopped.
    const fn is_uninterruptible(self) -> bool {
        self.state == b'D'
    }
}

/// A process that ends while it is looked at gives one of two errors.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Every process there is that we may look at: some hosts hide those of other users.
pub(crate) fn all() -> io::Result<Vec<ProcessStat>> {
    let mut processes = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let name = entry?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse().ok()) else {
            continue;
        };
        match ProcessStat::read(pid) {
            Ok(found) => processes.extend(found),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {}
            Err(error) => return Err(error),
        }
    }
    Ok(processes)
}

/// The processes below `root`, parents before children, without `root` itself, and without those of
/// sessions that were begun below it and have recorders of their own.
pub(crate) fn descendants(root: Pid) -> io::Result<Vec<ProcessStat>> {
    let root = root.as_raw_nonzero().get();
    Ok(descendants_in(&all()?, root, is_recorder))
}

fn descendants_in(
    processes: &[ProcessStat],
    root: i32,
    is_recorder: impl Fn(&ProcessStat) -> bool,
) -> Vec<ProcessStat> {
    let mut children: HashMap<i32, Vec<ProcessStat>> = HashMap::new();
    for process in processes {
        children.entry(process.parent).or_default().push(*process);
    }
    let mut below = |parent: i32| {
        let mut found = children.remove(&parent).unwrap_or_default();
        found.retain(|process| !is_recorder(process));
        found
    };
    let mut found: Vec<ProcessStat> = below(root);
    let mut next = 0;
    while let Some(process) = found.get(next) {
        let pid = process.id.pid.as_raw_nonzero().get();
        found.extend(below(pid));
        next += 1;
    }
    found
}

/// Whether it is the recorder of some session. A recorder leads a session of setsid(2), so the
/// environment of few processes has to be looked at.
fn is_recorder(process: &ProcessStat) -> bool {
    let pid = process.id.pid.as_raw_nonzero().get();
    process.leader == pid
        && has_in_environment(*process, |entry| {
            entry
                .strip_prefix(RECORDER_MARK.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&b'='))
        })
}

/// Whether `is_it` of one of the entries `name=value` of the environment that the process was
/// started with. One whose environment cannot be read has none.
fn has_in_environment(process: ProcessStat, is_it: impl Fn(&[u8]) -> bool) -> bool {
    let pid = process.id.pid.as_raw_nonzero();
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(is_it))
}

/// Sends `signal` to this very process, never to a later one of its number. `None` when it is
/// gone; otherwise a descriptor that becomes readable when it ends.
pub(crate) fn signal(process: ProcessId, signal: Signal) -> io::Result<Option<OwnedFd>> {
    let handle = match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // The descriptor holds on to one process, so if the number belongs to the right one now, it
    // did when the descriptor was opened, or the descriptor is of one that has ended.
    let is_same = ProcessStat::read(process.pid.as_raw_nonzero().get())?
        .is_some_and(|stat| stat.id == process);
    if !is_same {
        return Ok(None);
    }
    match pidfd_send_signal(&handle, signal) {
        Ok(()) => Ok(Some(handle)),
        Err(rustix::io::Errno::SRCH) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// What [`freeze`] has done.
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    /// The processes that were stopped, and were not before: those to wake again.
    pub(crate) stopped: Vec<ProcessId>,
    /// How many were still not stopped in the end.
    pub(crate) restless: usize,
    /// What went wrong first, if something did.
    pub(crate) failure: Option<io::Error>,
}

/// Stops every process that `living` finds, again and again until it finds none that runs: a
/// process may have started another one, or woken one, before it was stopped itself. One that was
/// told to stop and waits inside of the kernel counts as stopped: it takes no step of its own
/// before it does. One that `send` may not stop is left out, and counted among the restless.
///
/// The states are looked at again and again because nobody is told when a process that is not
/// his child stops; the pauses are of a millisecond at first, and the whole is bounded.
pub(crate) async fn freeze<Found>(
    mut living: impl FnMut() -> Found,
    mut send: impl FnMut(ProcessId, Signal) -> io::Result<Option<OwnedFd>>,
) -> Frozen
where
    Found: Future<Output = io::Result<Vec<ProcessStat>>>,
{
    let give_up_at = Instant::now() + FREEZE_WAIT_MAX;
    let (mut pause, pause_max) = LOOK_AGAIN;
    let mut frozen = Frozen::default();
    let mut known: HashSet<ProcessId> = HashSet::new();
    let mut refused: HashSet<ProcessId> = HashSet::new();
    loop {
        let found = match living().await {
            Ok(found) => found,
            Err(error) => {
                frozen.failure.get_or_insert(error);
                return frozen;
            }
        };
        let mut restless: Vec<ProcessStat> = found
            .into_iter()
            .filter(|process| !process.is_dead() && !process.is_stopped())
            .filter(|process| !(process.is_uninterruptible() && known.contains(&process.id)))
            .collect();
        frozen.restless = restless.len();
        restless.retain(|process| !refused.contains(&process.id));
        if restless.is_empty() || Instant::now() >= give_up_at {
            return frozen;
        }
        for process in restless {
            match send(process.id, Signal::STOP) {
                Ok(Some(_)) if known.insert(process.id) => frozen.stopped.push(process.id),
                Ok(_) => {}
                Err(error) => {
                    refused.insert(process.id);
                    frozen.failure.get_or_insert(error);
                }
            }
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(pause_max);
    }
}

/// Wakes what [`freeze`] has stopped, all that can be. What stopped by itself before stays as it
/// was.
///
/// # Errors
/// The first one, when not all could be woken.
pub(crate) fn thaw(
    frozen: &Frozen,
    mut send: impl FnMut(ProcessId, Signal) -> io::Result<Option<OwnedFd>>,
) -> io::Result<()> {
    let mut outcome = Ok(());
    for process in &frozen.stopped {
        if let Err(error) = send(*process, Signal::CONT) {
            outcome = outcome.and(Err(error));
        }
    }
    outcome
}

#[cfg(test)]
mod tests;
