//! The text of an error with its sources.

use std::error::Error;

/// Joins the messages of an error and of its sources with `: `, on one line.
///
/// # Example
/// ```
/// use ah_rest_api_contract::{ErrorKind, TaskManagerError, error_chain};
///
/// let cause = std::io::Error::other("connection reset");
/// let error = TaskManagerError::new(ErrorKind::Unreachable, "no answer").caused_by(cause);
/// assert_eq!(error_chain(&error), "no answer: connection reset");
/// ```
#[must_use]
pub fn error_chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text.push_str(": ");
        text.push_str(source.to_string().trim_end());
        next = source.source();
    }
    text
}
