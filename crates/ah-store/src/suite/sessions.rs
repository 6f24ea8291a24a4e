//! Cases of [`Sessions`](crate::Sessions).

mod lists;
mod writes;

pub use lists::*;
pub use writes::*;
