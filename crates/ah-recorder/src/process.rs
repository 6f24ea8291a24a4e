//! Processes as `/proc` shows them: finds the descendants of a process or the processes of a
//! session, and stops or kills all of them.
//!
//! Agents run their commands in process groups and sessions of their own, so a group is never
//! enough (design law 5). The processes of a session are found by parentage, by a mark in the
//! environment, or by a control group.

mod cgroup;
pub(crate) mod descriptors;
mod entry;
mod sweep;

use std::collections::{HashMap, HashSet};
use std::fs;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::time::Instant;

pub use cgroup::remove_abandoned_groups;
pub(crate) use cgroup::{Cgroup, leave_sessions};
pub(crate) use entry::GroupEntry;
pub(crate) use sweep::{Swept, sweep};
pub use sweep::{remove_group, sweep_folder, sweep_session};

/// The environment variable that marks every process of a session; its value is the session's id.
pub const SESSION_MARK: &str = "AH_SESSION_ID";

/// The environment variable that marks a recorder only: it is not passed on to the agent. It
/// identifies a session that was started inside of another one, which is independent and excluded.
pub(crate) const RECORDER_MARK: &str = "AH_RECORDER";

/// The first and the longest pause between two polls of the process states.
const LOOK_AGAIN: (Duration, Duration) = (Duration::from_millis(1), Duration::from_millis(20));

/// The maximum duration of [`freeze`]. Stopping takes microseconds on an idle machine.
const FREEZE_WAIT_MAX: Duration = Duration::from_secs(3);

/// The identity of a process; the start time distinguishes it from a later one with the same
/// number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ProcessId {
    pid: Pid,
    /// The start time in clock ticks since boot.
    started: u64,
}

/// The used fields of `/proc/<pid>/stat`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ProcessStat {
    pub(crate) id: ProcessId,
    pub(crate) parent: i32,
    /// The session of setsid(2), by the process number of its leader.
    leader: i32,
    state: u8,
}

impl ProcessId {
    pub(crate) const fn pid(self) -> Pid {
        self.pid
    }
}

impl ProcessStat {
    /// Reads `/proc/<pid>/stat`; `None` if the process does not exist any more.
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

    /// The second field, the program's name, may contain blanks and parentheses, so fields are
    /// counted from the last parenthesis.
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

    /// Returns true if it has ended and is not reaped yet.
    pub(crate) const fn is_dead(self) -> bool {
        matches!(self.state, b'Z' | b'X' | b'x')
    }

    const fn is_stopped(self) -> bool {
        matches!(self.state, b'T' | b't')
    }

    /// Returns true if it is in an uninterruptible wait: for a disk, or for the `exec` of a `vfork`
    /// child, which may itself be stopped.
    const fn is_uninterruptible(self) -> bool {
        self.state == b'D'
    }
}

/// Returns true for the two errors of a process that ends during a query.
fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound
        || error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error())
}

/// Returns all visible processes; some hosts hide those of other users.
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

/// Returns the processes below `root`, parents before children. Excludes `root` itself and the
/// processes of sessions that were started below it and have their own recorders.
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

/// Returns true if the process is the recorder of a session. A recorder leads a session of
/// setsid(2), so few environments have to be read.
fn is_recorder(process: &ProcessStat) -> bool {
    let pid = process.id.pid.as_raw_nonzero().get();
    process.leader == pid
        && has_in_environment(*process, |entry| {
            entry
                .strip_prefix(RECORDER_MARK.as_bytes())
                .is_some_and(|rest| rest.first() == Some(&b'='))
        })
}

/// Returns true if `is_it` accepts an entry `name=value` of the process's initial environment. An
/// environment that cannot be read counts as empty.
fn has_in_environment(process: ProcessStat, is_it: impl Fn(&[u8]) -> bool) -> bool {
    let pid = process.id.pid.as_raw_nonzero();
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|environment| environment.split(|byte| *byte == 0).any(is_it))
}

/// Sends `signal` to this process, never to a later one with its number. Returns `None` if it has
/// ended; otherwise a descriptor that becomes readable when it ends.
pub(crate) fn signal(process: ProcessId, signal: Signal) -> io::Result<Option<OwnedFd>> {
    let handle = match pidfd_open(process.pid, PidfdFlags::empty()) {
        Ok(handle) => handle,
        Err(rustix::io::Errno::SRCH) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    // The descriptor refers to one process. If the number belongs to the right one now, it did when
    // the descriptor was opened, or the descriptor's process has ended.
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

/// The result of [`freeze`].
#[derive(Debug, Default)]
pub(crate) struct Frozen {
    /// The processes that were stopped and that ran before: those to resume.
    pub(crate) stopped: Vec<ProcessId>,
    /// The number of processes that were still running at the end.
    pub(crate) restless: usize,
    /// The first error, if any.
    pub(crate) failure: Option<io::Error>,
}

/// Stops every process that `living` finds, repeatedly, until none of them runs: a process may have
/// started or resumed another one before it was stopped. A process in an uninterruptible wait
/// counts as stopped once it was signalled, since it stops before its next step. One that `send`
/// may not stop is skipped and counted in [`Frozen::restless`].
///
/// The states are polled because only a parent is notified of a stop. The pauses start at a
/// millisecond, and the total time is bounded by [`FREEZE_WAIT_MAX`].
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

/// Resumes the processes that [`freeze`] has stopped, as many as possible. A process that was
/// stopped before stays stopped.
///
/// # Errors
/// Returns the first error if not all of them could be resumed.
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
