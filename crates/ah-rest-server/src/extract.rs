//! The extractors of handlers. Each converts a fault of a request into a problem that identifies
//! it.

mod command;
mod field;
mod id;
mod query;

pub(crate) use command::{Access, CommandRequest, EmptyBody, IdempotentRequest, Operator};
pub(crate) use id::Id;
pub(crate) use query::{Query, read as read_query, read_params};
