//! The start of a process inside of a control group.
//!
//! A running process that joins a group by writing to `cgroup.procs` waits for a grace period of the
//! kernel, often 10 ms or more. A process that is created in the group waits for nothing.
//! [`std::process::Command`] cannot do that, so the process that it creates creates a second one in
//! the group, as its sibling, and ends. The second one becomes the program.

use std::fs::File;
use std::io::{self, Read as _};
use std::mem::size_of;
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::process::Pid;

/// Flags of clone3(2). The first one does not fit the type that libc gives it.
const CLONE_INTO_CGROUP: u64 = 0x2_0000_0000;
const CLONE_PARENT: u64 = 0x8000;

/// The way of a new process into a control group.
pub(crate) struct GroupEntry {
    /// The folder of the group.
    pub(crate) group: File,
    /// The file through which a process joins the group by writing `0`.
    pub(crate) procs: File,
}

/// The number of a process that is created, once it is.
pub(crate) struct Announced(Option<File>);

impl GroupEntry {
    /// Lets the process of `command` begin in the group. The number of the process is
    /// [`Announced`], since the one of [`std::process::Child`] may be that of another one, which has ended.
    ///
    /// If the process cannot enter the group, it begins outside of it. Steps that are added to
    /// `command` later run in the process that becomes the program.
    #[expect(
        unsafe_code,
        reason = "what a process does to itself before it becomes another program has no safe form"
    )]
    pub(crate) fn take(entry: Option<Self>, command: &mut Command) -> io::Result<Announced> {
        let Some(Self { group, procs }) = entry else {
            return Ok(Announced(None));
        };
        let (reader, writer) = rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC)?;
        let enter = move || {
            match created_in(&group) {
                Ok(Side::Creator) => {
                    // SAFETY: `_exit` only makes a system call. The handlers of `exit` belong to the
                    // parent.
                    unsafe { libc::_exit(0) }
                }
                Ok(Side::Created) => {}
                // Kernels before 5.7, and hosts that forbid it.
                Err(_) => {
                    if rustix::io::write(&procs, b"0").is_err() {
                        // Outside of the group a process is still found by its parentage and its
                        // mark.
                    }
                }
            }
            announce(&writer)
        };
        // SAFETY: between fork and exec only async-signal-safe functions may be called. The closure
        // makes system calls on values made before the fork; none allocates or locks.
        unsafe {
            command.pre_exec(enter);
        }
        Ok(Announced(Some(File::from(reader))))
    }
}

impl Announced {
    /// Returns the number of the process that was started, which has the number `child` if it is the
    /// only one.
    pub(crate) fn pid(self, child: u32) -> io::Result<Pid> {
        let raw = match self.0 {
            Some(mut reader) => {
                let mut bytes = [0; size_of::<i32>()];
                reader.read_exact(&mut bytes)?;
                Some(i32::from_ne_bytes(bytes))
            }
            None => i32::try_from(child).ok(),
        };
        raw.and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::other("the process has no number"))
    }
}

/// The process in which [`created_in`] returns.
enum Side {
    Creator,
    Created,
}

/// Creates a copy of this process in a control group, with the same parent.
#[expect(unsafe_code, reason = "there is no safe form of clone3")]
fn created_in(group: &File) -> io::Result<Side> {
    let descriptor = u64::try_from(group.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // SAFETY: the structure consists of numbers, for which zero is valid: absent.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = CLONE_INTO_CGROUP | CLONE_PARENT;
    arguments.cgroup = descriptor;
    // SAFETY: without `CLONE_VM` and a stack, the call is like `fork`: the copy has its own memory.
    let result = unsafe {
        libc::syscall(
            libc::SYS_clone3,
            &raw mut arguments,
            size_of::<libc::clone_args>(),
        )
    };
    match result {
        0 => Ok(Side::Created),
        1.. => Ok(Side::Creator),
        _ => Err(io::Error::last_os_error()),
    }
}

fn announce(writer: &OwnedFd) -> io::Result<()> {
    let pid = rustix::process::getpid().as_raw_nonzero().get();
    // A pipe takes a few bytes as a whole.
    rustix::io::write(writer, &pid.to_ne_bytes())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::process::Stdio;

    use ah_agents::SessionFolder;
    use ah_rest_api_contract::SessionId;
    use rustix::process::{WaitOptions, getpid, waitpid};

    use super::*;
    use crate::process::Cgroup;

    /// Starts a shell that prints its group, its number and its parent.
    fn start(entry: Option<GroupEntry>) -> (String, i32) {
        let mut command = Command::new("sh");
        command
            .args(["-c", "cat /proc/self/cgroup; echo $$ $PPID"])
            .stdout(Stdio::piped());
        let announced = GroupEntry::take(entry, &mut command).unwrap();
        let mut child = command.spawn().unwrap();
        let pid = announced.pid(child.id()).unwrap();
        let mut printed = String::new();
        let mut output = child.stdout.take().unwrap();
        output.read_to_string(&mut printed).unwrap();
        child.wait().unwrap();
        if pid.as_raw_nonzero().get().unsigned_abs() != child.id() {
            waitpid(Some(pid), WaitOptions::empty()).unwrap();
        }
        (printed, pid.as_raw_nonzero().get())
    }

    #[tokio::test]
    async fn a_process_begins_in_its_group_as_a_child_of_its_starter() {
        let dir = tempfile::tempdir().unwrap();
        let folder = SessionFolder::at(dir.path());
        let session = SessionId::from_ulid(ulid::Ulid(u128::from(std::process::id()) << 32));
        let Some(group) = Cgroup::create(session, &folder) else {
            eprintln!("skipped: this host permits no control group of version 2");
            return;
        };
        let (printed, pid) = start(group.entry().ok());
        assert!(printed.contains(&format!("/ah-{session}\n")), "{printed}");
        let parent = getpid().as_raw_nonzero();
        assert!(
            printed.ends_with(&format!("\n{pid} {parent}\n")),
            "{printed}"
        );

        let unusable = GroupEntry {
            group: File::open(dir.path()).unwrap(),
            ..group.entry().unwrap()
        };
        let (printed, pid) = start(Some(unusable));
        assert!(
            printed.contains(&format!("/ah-{session}\n")),
            "it joins by writing: {printed}"
        );
        assert!(
            printed.ends_with(&format!("\n{pid} {parent}\n")),
            "{printed}"
        );
        group.end().await;

        let (printed, pid) = start(None);
        assert!(!printed.contains("/ah-"), "{printed}");
        assert!(
            printed.ends_with(&format!("\n{pid} {parent}\n")),
            "{printed}"
        );
    }

    #[test]
    fn a_program_that_is_missing_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let folder = SessionFolder::at(dir.path());
        let session = SessionId::from_ulid(ulid::Ulid(u128::from(std::process::id()) << 33));
        let Some(group) = Cgroup::create(session, &folder) else {
            eprintln!("skipped: this host permits no control group of version 2");
            return;
        };
        let mut command = Command::new("/no/such/program");
        let announced = GroupEntry::take(group.entry().ok(), &mut command).unwrap();
        let error = command.spawn().unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
        // The process that failed to become the program.
        let failed = announced.pid(0).unwrap();
        waitpid(Some(failed), WaitOptions::empty()).unwrap();
        group.remove();
        assert!(!folder.cgroup().exists());
    }
}
