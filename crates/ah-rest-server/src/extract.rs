//! What handlers take: each turns whatever is wrong with a request into a problem that names it.

mod call;
mod id;
mod query;

pub(crate) use call::{Call, Nothing, Writer};
pub(crate) use id::Id;
pub(crate) use query::{Asked, Params, read as read_query};
