//! The one place where randomness comes from.

use ah_rest_api_contract::{ErrorKind, TaskManagerError};

/// A number that nobody can foretell, each as likely as the others.
///
/// # Errors
/// [`ErrorKind::Internal`] when the operating system gives none.
pub(crate) fn draw() -> Result<u64, TaskManagerError> {
    getrandom::u64().map_err(|error| {
        TaskManagerError::new(
            ErrorKind::Internal,
            "the operating system gives no randomness, which requests are named by",
        )
        .caused_by(error)
    })
}
