//! Ending every process of a session.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use ah_rest_api_contract::SessionId;
use rustix::process::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::{Cgroup, ProcessId, ProcessStat, SESSION_MARK};

/// How long a sweep takes at most. A process that outlives it hangs in the kernel.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(10);

/// How many rounds of stopping and killing there are at most.
const ROUNDS_MAX: usize = 100;

/// How often the deaths of one round are looked after, for what became a zombie of somebody
/// else's and for what the wait for its end could not be set up.
const ROUND_WAIT_MAX: Duration = Duration::from_secs(1);

/// What a sweep has done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Swept {
    /// The processes that were killed.
    pub(crate) killed: HashSet<ProcessId>,
    /// How many were still there when the time was up.
    pub(crate) left: usize,
}

/// Ends every process that `living` finds, until it finds none: stops them all first, so that none
/// can start another one, and kills them then. `reap` takes note of children that have ended, for
/// a sweeper who has some.
pub(crate) async fn sweep(
    mut living: impl FnMut() -> io::Result<Vec<ProcessStat>>,
    mut reap: impl FnMut(),
) -> io::Result<Swept> {
    let give_up_at = Instant::now() + SWEEP_WAIT_MAX;
    let mut killed: HashSet<ProcessId> = HashSet::new();
    let mut left = 0;
    for _ in 0..ROUNDS_MAX {
        reap();
        let found: Vec<ProcessStat> = living()?.into_iter().filter(|p| !p.is_dead()).collect();
        left = found.len();
        if found.is_empty() || Instant::now() >= give_up_at {
            break;
        }
        super::freeze(&mut living).await?;
        let mut dying = Vec::new();
        for process in living()?.into_iter().filter(|p| !p.is_dead()) {
            if let Some(handle) = super::signal(process.id, Signal::KILL)? {
                killed.insert(process.id);
                dying.push(handle);
            }
        }
        await_ends(dying).await;
    }
    reap();
    Ok(Swept { killed, left })
}

/// Waits until each of these processes has ended, at most [`ROUND_WAIT_MAX`] together.
async fn await_ends(dying: Vec<OwnedFd>) {
    let give_up_at = Instant::now() + ROUND_WAIT_MAX;
    for handle in dying {
        // A process whose end cannot be waited for is found again by the next round.
        let Some(handle) = watched(handle) else {
            continue;
        };
        if tokio::time::timeout_at(give_up_at, handle.readable())
            .await
            .is_err()
        {
            return;
        }
    }
}

#[expect(
    unsafe_code,
    reason = "a descriptor that is not a socket or pipe has no safe way into the event loop"
)]
fn watched(handle: OwnedFd) -> Option<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` owns its descriptor and names the same one for as long as it lives,
    // and the `AsyncFd` that is made of it takes it along.
    unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }.ok()
}

/// Ends every process that bears the mark of `session`, for a session whose recorder is gone, and
/// says how many there were. The calling process is spared, whatever mark it bears.
///
/// A process whose environment cannot be read belongs to another user, or has wiped it; the latter
/// is found only where the recorder could make a control group for the session.
///
/// # Errors
/// When `/proc` cannot be read, when a process may not be killed, or when one is still there after
/// ten seconds.
pub async fn sweep_session(session: SessionId) -> io::Result<u32> {
    let own = rustix::process::getpid();
    let group = Cgroup::existing(session);
    let mark = format!("{SESSION_MARK}={session}");
    let living = || {
        let in_group = group.as_ref().map(Cgroup::members).unwrap_or_default();
        let mut marked = super::all()?;
        marked.retain(|process| {
            let pid = process.id.pid();
            pid != own
                && (in_group.contains(&pid.as_raw_nonzero().get())
                    || bears_mark(*process, mark.as_bytes()))
        });
        Ok(marked)
    };
    let swept = sweep(living, || ()).await?;
    if let Some(group) = group {
        group.kill();
        group.remove();
    }
    if swept.left > 0 {
        return Err(io::Error::other(format!(
            "{} processes of session {session} do not end",
            swept.left
        )));
    }
    // Process numbers have 22 bits at most.
    Ok(u32::try_from(swept.killed.len()).unwrap_or(u32::MAX))
}

fn bears_mark(process: ProcessStat, mark: &[u8]) -> bool {
    fs::read(format!(
        "/proc/{}/environ",
        process.id.pid().as_raw_nonzero()
    ))
    .is_ok_and(|environment| {
        environment
            .split(|byte| *byte == 0)
            .any(|entry| entry == mark)
    })
}
