//! What can go wrong, as the wire says it: one kind, one problem document.

mod chain;
mod fields;
mod kind;
mod problem;

pub use chain::error_chain;
pub use fields::FieldErrors;
pub use kind::ErrorKind;
pub use problem::{Problem, TaskManagerError};
