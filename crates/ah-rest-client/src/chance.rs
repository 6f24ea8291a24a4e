//! The only source of randomness.

use ah_rest_api_contract::{ErrorKind, TaskManagerError};

/// Returns an unpredictable, uniformly distributed number.
///
/// # Errors
/// [`ErrorKind::Internal`] if the operating system provides none.
pub(crate) fn draw() -> Result<u64, TaskManagerError> {
    getrandom::u64().map_err(|error| {
        TaskManagerError::new(
            ErrorKind::Internal,
            "the operating system provides no randomness for the id of the request",
        )
        .caused_by(error)
    })
}
