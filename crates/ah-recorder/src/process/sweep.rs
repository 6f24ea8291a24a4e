//! The sweep, which ends every process of a session.

use std::collections::HashSet;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::SessionId;
use rustix::process::Signal;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::time::Instant;

use super::{Cgroup, LOOK_AGAIN, ProcessId, ProcessStat, SESSION_MARK, freeze, has_in_environment};
use ah_agents::SessionFolder;

/// The maximum duration of a sweep. A process that outlives it hangs in the kernel.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(10);

/// The maximum number of rounds of stopping and killing.
const ROUNDS_MAX: usize = 100;

/// The maximum time to await the deaths of one round, before the processes are listed again. A
/// process whose end cannot be awaited is found then.
const ROUND_WAIT_MAX: Duration = Duration::from_secs(1);

/// The result of a sweep.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// The processes that were killed.
    pub(crate) killed: HashSet<ProcessId>,
    /// The number of processes that remain.
    pub(crate) left: usize,
    /// The last error, if any; `None` if no process remains.
    pub(crate) failure: Option<io::Error>,
}

impl Swept {
    /// Describes a failed sweep; returns `None` after a successful one.
    pub(crate) fn shortcoming(&self) -> Option<String> {
        let left = match self.left {
            0 => "its remaining processes are unknown".to_owned(),
            1 => "1 process could not be ended".to_owned(),
            left => format!("{left} processes could not be ended"),
        };
        match &self.failure {
            Some(error) => Some(format!("{left}: {error}")),
            None if self.left > 0 => Some(left),
            None => None,
        }
    }
}

/// Ends every process that `living` finds, until it finds none. All of them are stopped first, so
/// that none can start another one, and then killed. One that `send` may not kill does not spare
/// the others. `reap` reaps the children of the caller, if it has any.
pub(crate) async fn sweep<Found>(
    mut living: impl FnMut() -> Found,
    mut reap: impl FnMut(),
    mut send: impl FnMut(ProcessId, Signal) -> io::Result<Option<OwnedFd>>,
) -> Swept
where
    Found: Future<Output = io::Result<Vec<ProcessStat>>>,
{
    let give_up_at = Instant::now() + SWEEP_WAIT_MAX;
    let (mut pause, pause_max) = LOOK_AGAIN;
    let mut swept = Swept::default();
    for _ in 0..ROUNDS_MAX {
        reap();
        match living().await {
            Ok(found) => {
                swept.left = found.iter().filter(|process| !process.is_dead()).count();
                if swept.left == 0 {
                    // All processes have ended, so an earlier error has no effect.
                    swept.failure = None;
                    break;
                }
            }
            Err(error) => swept.failure = Some(error),
        }
        if Instant::now() >= give_up_at {
            break;
        }
        freeze(&mut living, &mut send).await;
        let (dying, refusal) = kill_all(living().await, &mut send, &mut swept.killed);
        let nothing_helps = dying.is_empty() && refusal.is_some();
        if refusal.is_some() {
            swept.failure = refusal;
        }
        await_ends(dying).await;
        if nothing_helps {
            // They may still end by themselves, so the sweep retries with a growing pause.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    }
    reap();
    swept
}

/// Kills the processes that were found. Returns the handles to await, and the last error.
fn kill_all(
    found: io::Result<Vec<ProcessStat>>,
    send: &mut impl FnMut(ProcessId, Signal) -> io::Result<Option<OwnedFd>>,
    killed: &mut HashSet<ProcessId>,
) -> (Vec<OwnedFd>, Option<io::Error>) {
    let found = match found {
        Ok(found) => found,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut dying = Vec::new();
    let mut refusal = None;
    for process in found.into_iter().filter(|process| !process.is_dead()) {
        match send(process.id, Signal::KILL) {
            Ok(Some(handle)) => {
                killed.insert(process.id);
                dying.push(handle);
            }
            Ok(None) => {}
            Err(error) => refusal = Some(error),
        }
    }
    (dying, refusal)
}

/// Waits until each of these processes has ended, at most [`ROUND_WAIT_MAX`] in total.
async fn await_ends(dying: Vec<OwnedFd>) {
    let give_up_at = Instant::now() + ROUND_WAIT_MAX;
    for handle in dying {
        // A process whose end cannot be awaited is found again by the next round.
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
    // SAFETY: an `OwnedFd` owns its descriptor and refers to the same one for as long as it lives,
    // and the `AsyncFd` takes ownership of it.
    unsafe { AsyncFd::register_with_interest(handle, Interest::READABLE) }.ok()
}

/// Ends every process with the mark of `session`, whose recorder is gone, and returns their number.
/// The calling process is spared, regardless of its mark.
///
/// A process whose environment cannot be read belongs to another user or has cleared it. The latter
/// is found only by [`sweep_folder`], if the recorder could create a control group.
///
/// # Errors
/// Returns an error if `/proc` cannot be read, or if a process remains after ten seconds. All other
/// processes are ended even then.
pub async fn sweep_session(session: SessionId) -> io::Result<u32> {
    sweep_marked(session, None).await
}

/// Ends every process of `session`, whose recorder is gone, as [`sweep_session`] does, and those in
/// the control group that the recorder has noted in `folder`. Removes the agent's home; a failure
/// of that is logged.
///
/// # Errors
/// Returns the errors of [`sweep_session`].
pub async fn sweep_folder(session: SessionId, folder: &SessionFolder) -> io::Result<u32> {
    let swept = sweep_marked(session, Cgroup::left_in(folder, session)).await?;
    if let Err(error) = ah_agents::home::remove(folder).await {
        tracing::warn!(session.id = %session, %error, "the home of an agent could not be removed");
    }
    Ok(swept)
}

/// Removes the control group of `session`, whose recorder is gone, with every process in it. A group
/// that stays is logged.
pub async fn remove_group(session: SessionId, folder: &SessionFolder) {
    if let Some(group) = Cgroup::left_in(folder, session) {
        group.end().await;
    }
}

async fn sweep_marked(session: SessionId, group: Option<Cgroup>) -> io::Result<u32> {
    let mark: Arc<[u8]> = format!("{SESSION_MARK}={session}").into_bytes().into();
    let group = group.map(Arc::new);
    let living = || {
        let (mark, group) = (Arc::clone(&mark), group.clone());
        // Reading the environment of every process of the host is slow and blocks.
        let look = tokio::task::spawn_blocking(move || marked(&mark, group.as_deref()));
        async move { look.await.map_err(io::Error::other)? }
    };
    let swept = sweep(living, || (), super::signal).await;
    if let Some(group) = &group {
        group.end().await;
    }
    if let Some(shortcoming) = swept.shortcoming() {
        return Err(io::Error::other(format!(
            "session {session} was not swept: {shortcoming}"
        )));
    }
    // Process numbers have at most 22 bits.
    Ok(u32::try_from(swept.killed.len()).unwrap_or(u32::MAX))
}

fn marked(mark: &[u8], group: Option<&Cgroup>) -> io::Result<Vec<ProcessStat>> {
    let own = rustix::process::getpid();
    let in_group = group.map(Cgroup::members).unwrap_or_default();
    let mut marked = super::all()?;
    marked.retain(|process| {
        let pid = process.id.pid();
        pid != own
            && (in_group.contains(&pid.as_raw_nonzero().get())
                || has_in_environment(*process, |entry| entry == mark))
    });
    Ok(marked)
}

#[cfg(test)]
mod tests;
