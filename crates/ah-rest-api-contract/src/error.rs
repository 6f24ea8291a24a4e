//! Errors as they appear on the wire: an error kind and a problem document.

mod chain;
mod fields;
mod kind;
mod problem;

pub use chain::error_chain;
pub use fields::FieldErrors;
pub use kind::ErrorKind;
pub use problem::{Problem, TaskManagerError};
