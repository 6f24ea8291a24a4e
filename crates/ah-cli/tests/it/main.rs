//! The command line as typed: the real binary and its whole output.

mod ah;
mod help;
mod reference;
mod refusals;
