//! Ending every process of a session.

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
use crate::SessionFolder;

/// How long a sweep takes at most. A process that outlives it hangs in the kernel.
const SWEEP_WAIT_MAX: Duration = Duration::from_secs(10);

/// How many rounds of stopping and killing there are at most.
const ROUNDS_MAX: usize = 100;

/// How often the deaths of one round are looked after, for what became a zombie of somebody
/// else's and for what the wait for its end could not be set up.
const ROUND_WAIT_MAX: Duration = Duration::from_secs(1);

/// What a sweep has done.
#[derive(Debug, Default)]
pub(crate) struct Swept {
    /// The processes that were killed.
    pub(crate) killed: HashSet<ProcessId>,
    /// How many were still there in the end.
    pub(crate) left: usize,
    /// What went wrong, if something did. When nothing is left, it came right in the end.
    pub(crate) failure: Option<io::Error>,
}

impl Swept {
    /// What is to be said when it was not a success; `None` when it was.
    pub(crate) fn shortcoming(&self) -> Option<String> {
        let left = match self.left {
            0 => "whether anything is left of it is not known".to_owned(),
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

/// Ends every process that `living` finds, until it finds none: stops them all first, so that none
/// can start another one, and kills them then. One that `send` may not kill does not spare the
/// others. `reap` takes note of children that have ended, for a sweeper who has some.
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
                    // Whatever went wrong on the way, all of them have ended.
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
            // They may yet end by themselves, so it is tried again, less and less often.
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(pause_max);
        }
    }
    reap();
    swept
}

/// Kills what was found, and says what can be waited for and what went wrong last.
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
/// is found only by [`sweep_folder`], where the recorder could make a control group.
///
/// # Errors
/// When `/proc` cannot be read, or when a process is still there after ten seconds. All those that
/// can be ended are ended even then.
pub async fn sweep_session(session: SessionId) -> io::Result<u32> {
    sweep_marked(session, None).await
}

/// Ends every process of `session`, whose recorder is gone, as [`sweep_session`] does, and those in
/// the control group that the recorder has noted in `folder`. The agent's home goes with them, if
/// it can be removed.
///
/// # Errors
/// As [`sweep_session`].
pub async fn sweep_folder(session: SessionId, folder: &SessionFolder) -> io::Result<u32> {
    let swept = sweep_marked(session, Cgroup::left_in(folder, session)).await?;
    if let Err(error) = crate::home::remove(folder).await {
        tracing::warn!(session.id = %session, %error, "the home of an agent could not be removed");
    }
    Ok(swept)
}

async fn sweep_marked(session: SessionId, group: Option<Cgroup>) -> io::Result<u32> {
    let mark: Arc<[u8]> = format!("{SESSION_MARK}={session}").into_bytes().into();
    let group = group.map(Arc::new);
    let living = || {
        let (mark, group) = (Arc::clone(&mark), group.clone());
        // The environment of every process of the host is read, which takes its time.
        let look = tokio::task::spawn_blocking(move || marked(&mark, group.as_deref()));
        async move { look.await.map_err(io::Error::other)? }
    };
    let swept = sweep(living, || (), super::signal).await;
    if let Some(group) = &group {
        group.kill();
        group.remove();
    }
    if let Some(shortcoming) = swept.shortcoming() {
        return Err(io::Error::other(format!(
            "session {session} was not swept: {shortcoming}"
        )));
    }
    // Process numbers have 22 bits at most.
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
