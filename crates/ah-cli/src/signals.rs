//! The signals of this process, independent of the program that started it.

use std::mem::MaybeUninit;
use std::ptr;

/// Lets this process wait for its children and receive signals.
///
/// A launcher may ignore SIGCHLD, which is inherited. The kernel would then reap all children itself,
/// and no result of git or of an agent could be read. It may also block signals, and a server that
/// blocks SIGTERM could not be shut down. Ignored signals other than SIGCHLD stay ignored, as nohup(1)
/// wants. Must be called before any thread is started.
#[expect(
    unsafe_code,
    reason = "actions and masks of signals have no safe interface"
)]
pub(crate) fn reset() {
    let mut none = MaybeUninit::uninit();
    // SAFETY: `signal` and `pthread_sigmask` change nothing in memory. `sigemptyset` initializes the
    // set. None of them fails with these arguments.
    unsafe {
        libc::signal(libc::SIGCHLD, libc::SIG_DFL);
        libc::sigemptyset(none.as_mut_ptr());
        libc::pthread_sigmask(libc::SIG_SETMASK, none.as_ptr(), ptr::null_mut());
    }
}
