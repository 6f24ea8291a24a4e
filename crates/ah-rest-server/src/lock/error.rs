//! The error of taking the lock of a state folder.

use std::io;

/// Failure to take the lock.
#[derive(Debug)]
pub(crate) enum LockError {
    /// Another server holds it: the process with this id, if the file names one.
    Held(Option<u32>),
    /// The file cannot be used.
    Io(io::Error),
}
