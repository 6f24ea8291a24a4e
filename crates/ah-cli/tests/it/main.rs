//! The command line as it is typed: the real binary, whole outputs.

mod ah;
mod help;
mod refusals;
