//! The lock that shows that a session has a recorder.
//!
//! A lock of fcntl(2), which belongs to the process and not to a descriptor: the agent cannot
//! inherit it. It can be queried without being taken, so a query never disturbs a recorder that is
//! about to take it.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;

use rustix::fs::FlockOperation;
use rustix::process::{Flock, FlockOffsetType, FlockType, Pid, fcntl_getlk};

use ah_agents::SessionFolder;

/// The lock of one session's folder, held until the process ends.
///
/// Closing any descriptor of the file would release the lock, so the file is opened once.
#[derive(Debug)]
pub(crate) struct RecorderLock(
    #[expect(dead_code, reason = "the lock lives as long as the file is open")] File,
);

impl RecorderLock {
    /// Takes the lock, or returns `None` if another process holds it.
    pub(crate) fn take(folder: &SessionFolder) -> io::Result<Option<Self>> {
        let file = File::options()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.lock())?;
        match rustix::fs::fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(Self(file))),
            Err(rustix::io::Errno::AGAIN | rustix::io::Errno::ACCESS) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Returns true if a process holds the lock of `folder`.
pub(crate) fn is_held(folder: &SessionFolder) -> io::Result<bool> {
    Ok(conflicting(folder)?.is_some())
}

/// Returns the process that holds the lock of `folder`; `None` if there is none, or none in this
/// process namespace.
pub(crate) fn holder(folder: &SessionFolder) -> io::Result<Option<Pid>> {
    Ok(conflicting(folder)?.and_then(|held| held.pid))
}

/// Returns the lock that conflicts with taking it.
fn conflicting(folder: &SessionFolder) -> io::Result<Option<Flock>> {
    let file = match File::open(folder.lock()) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let wanted = Flock {
        start: 0,
        length: 0,
        pid: None,
        typ: FlockType::WriteLock,
        offset_type: FlockOffsetType::Set,
    };
    Ok(fcntl_getlk(&file, &wanted)?)
}
