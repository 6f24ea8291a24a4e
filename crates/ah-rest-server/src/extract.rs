//! The extractors of handlers. Each turns a fault of a request into a problem that names it.

mod command;
mod id;
mod query;

pub(crate) use command::{Access, Command, IdempotentRequest, NoBody, Operator};
pub(crate) use id::Id;
pub(crate) use query::{Params, Query, read as read_query};
