//! Passing shortages of the host, among them a disk that takes no data. An operation that fails for
//! one is tried again later, and never ends a session.

use std::error::Error;
use std::io;

use rustix::io::Errno;

/// The errors of a host that lacks descriptors, memory, processes, space or a writable disk for now.
const SHORTAGES: [Errno; 7] = [
    Errno::MFILE,
    Errno::NFILE,
    Errno::NOMEM,
    Errno::AGAIN,
    Errno::NOSPC,
    Errno::DQUOT,
    Errno::ROFS,
];

/// The messages of these errors. A child process such as git reports nothing but the message.
const MESSAGES: [&str; 7] = [
    "Too many open files",
    "Cannot allocate memory",
    "Out of memory",
    "Resource temporarily unavailable",
    "No space left on device",
    "Disk quota exceeded",
    "Read-only file system",
];

/// Returns true if a passing shortage caused `error`.
pub(crate) fn caused(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        let code = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::raw_os_error)
            .map(Errno::from_raw_os_error);
        if code.is_some_and(|code| SHORTAGES.contains(&code)) {
            return true;
        }
        let text = error.to_string();
        if MESSAGES.iter().any(|message| text.contains(message)) {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use ah_executor::ExecutorError;

    use super::*;

    #[test]
    fn a_shortage_is_found_in_a_code_or_in_the_words_of_a_child() {
        for shortage in SHORTAGES {
            let cause = io::Error::from(shortage);
            let error = ExecutorError::caused_by("its recorder did not start", cause);
            assert!(caused(&error), "{shortage}");
            let words = io::Error::other(io::Error::from(shortage).to_string());
            assert!(caused(&words), "{shortage}");
        }
        let git = ExecutorError::caused_by(
            "the workspace could not be created",
            io::Error::other("git failed to fetch: fatal: cannot fork: Cannot allocate memory"),
        );
        assert!(caused(&git));
        for lasting in [Errno::NOENT, Errno::ACCESS, Errno::NOTDIR] {
            let error = ExecutorError::caused_by("it failed", io::Error::from(lasting));
            assert!(!caused(&error), "{lasting}");
        }
    }
}
