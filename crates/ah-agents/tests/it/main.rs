//! The recorder as it is: real processes, and `/proc` for a witness.

mod attending;
mod endings;
mod fixture;
mod pausing;
mod permissions;
mod turns;
