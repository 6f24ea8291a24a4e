//! The context that a recorder and its agent start in, independent of the program that started the
//! access point.

use std::io;
use std::os::fd::RawFd;

use rustix::fs::Mode;
use rustix::process::{Resource, Rlimit};

/// The first descriptor after the standard streams.
const FIRST_DESCRIPTOR: RawFd = 3;
/// The mode mask of agents: what others can read is the default of most systems.
const MODE_MASK: Mode = Mode::WGRP.union(Mode::WOTH);
/// The limits whose soft value a launcher may have lowered for itself.
const LIMITS: [Resource; 4] = [Resource::As, Resource::Cpu, Resource::Data, Resource::Fsize];

/// Gives this process the default context: a session of its own without a terminal, no descriptors
/// for the programs that it becomes, default actions for all signals, a mode mask of 022, and the
/// hard limits.
///
/// Only makes system calls; it neither allocates nor locks. It may therefore be called between fork
/// and exec.
pub(crate) fn reset() -> io::Result<()> {
    rustix::process::setsid()?;
    rustix::process::umask(MODE_MASK);
    for resource in LIMITS {
        let limit = rustix::process::getrlimit(resource);
        let raised = Rlimit {
            current: limit.maximum,
            maximum: limit.maximum,
        };
        rustix::process::setrlimit(resource, raised)?;
    }
    reset_signals();
    close_on_exec()
}

/// Sets every signal to its default action. An ignored signal stays ignored across exec, and an
/// agent that ignores SIGINT could not be interrupted.
#[expect(unsafe_code, reason = "the actions of signals have no safe interface")]
fn reset_signals() {
    for signal in 1..=libc::SIGRTMAX() {
        if signal != libc::SIGKILL && signal != libc::SIGSTOP {
            // SAFETY: `signal` is one system call. It fails for numbers that libc reserves, which
            // have the default action.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
    }
}

/// Marks all descriptors but the standard streams as closed at exec.
#[expect(
    unsafe_code,
    reason = "descriptors of unknown owners have no safe interface"
)]
fn close_on_exec() -> io::Result<()> {
    // SAFETY: `close_range` with this flag is one system call that closes nothing.
    let result = unsafe {
        libc::syscall(
            libc::SYS_close_range,
            FIRST_DESCRIPTOR,
            libc::c_uint::MAX,
            libc::CLOSE_RANGE_CLOEXEC,
        )
    };
    if result == 0 {
        return Ok(());
    }
    // Kernels before 5.11 do not know the flag.
    let open_max = rustix::process::getrlimit(Resource::Nofile).current;
    let open_max = open_max.map_or(RawFd::MAX, |max| RawFd::try_from(max).unwrap_or(RawFd::MAX));
    for descriptor in FIRST_DESCRIPTOR..open_max.min(65_536) {
        // SAFETY: `fcntl` is one system call. It fails for descriptors that are not open.
        unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
    }
    Ok(())
}
