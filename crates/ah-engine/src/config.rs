//! Configuration of an engine.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use ah_rest_api_contract::{RuntimePolicy, SandboxProfile};

/// The sessions that an engine attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// The engine starts queued sessions and attends to running ones.
    Serve,
    /// The engine attends only to running sessions. For a short-lived command.
    Attend,
}

/// Configuration of an engine.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The folder of the engine's state. It contains the locks that declare engines live.
    pub home: PathBuf,
    /// The sessions that the engine attends to.
    pub scheduling: Scheduling,
    /// The maximum number of sessions that hold a slot, over all engines on one store.
    pub max_concurrent_tasks: NonZeroU32,
    /// The duration of a lease. Leases are renewed after a third of it. Only sessions of an engine
    /// that hangs, or whose death cannot be detected, wait for its expiry.
    pub lease: Duration,
    /// The maximum idle time of a session whose task does not set one.
    pub idle_timeout: Duration,
    /// The maximum idle time of an agent that no engine is attached to.
    pub orphan_idle: Duration,
    /// The maximum duration of each step of ending an agent.
    pub stop_grace: Duration,
    /// The names of the environment variables that a task may set.
    pub allowed_env: BTreeSet<String>,
    /// The treatment of tasks by the runtime that they request.
    pub runtimes: RuntimePolicy,
    /// The sandbox profile of the runtime `local`.
    pub sandbox: SandboxProfile,
}

impl EngineConfig {
    /// Creates a configuration with [`Scheduling::Serve`] in `home`. The defaults are 16 slots, a
    /// lease of 6 s, 24 h of idle time, one minute of idle time without an engine, 5 s per step of
    /// ending an agent, no allowed variables,
    /// no development containers, and a sandbox for every agent.
    #[must_use]
    pub fn new(home: PathBuf) -> Self {
        Self {
            home,
            scheduling: Scheduling::Serve,
            max_concurrent_tasks: NonZeroU32::MIN.saturating_add(15),
            lease: Duration::from_secs(6),
            idle_timeout: Duration::from_secs(24 * 60 * 60),
            orphan_idle: Duration::from_secs(60),
            stop_grace: Duration::from_secs(5),
            allowed_env: BTreeSet::new(),
            runtimes: RuntimePolicy::default(),
            sandbox: SandboxProfile::Default,
        }
    }
}
