//! What can go wrong, as the wire says it: one kind, one problem document.

mod fields;
mod kind;
mod problem;

pub use fields::FieldErrors;
pub use kind::ErrorKind;
pub use problem::{Problem, TaskManagerError};
