//! The sandbox of an agent's process.
//!
//! A recorder does not start a sandboxed agent itself. It starts a program that confines itself by a
//! [`Confinement`] and then becomes the agent ([`confine`]). That program has one thread and
//! no children, so each step is ordinary code, and a step that fails is reported in words.
//!
//! Each [`Protection`] is a promise about an agent's reach. [`probe`] finds those that a host can
//! keep. A sandbox keeps all that it was asked for, or the agent does not start.
//!
//! The crate knows no agent, session or store: paths come from its callers.

mod access;
mod confine;
mod files;
mod mounts;
mod places;
mod probe;
mod protection;
mod spread;
mod syscalls;

pub use confine::{Confinement, confine};
pub use places::toolchain_places;
pub use probe::{HostSandbox, probe, try_protections};
pub use protection::{MissingProtection, Protection};
