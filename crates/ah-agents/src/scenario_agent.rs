//! The built-in agent: it plays a scenario file with real edits and real commands.

pub(crate) mod wire;
