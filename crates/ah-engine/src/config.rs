//! What an engine is told when it starts.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

/// Whether an engine starts sessions that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheduling {
    /// It starts queued sessions and attends to running ones.
    Serve,
    /// It only attends to sessions that run already: for a command that is over in a moment.
    Attend,
}

/// What an engine is told when it starts.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// The folder of the engine's state, which holds the locks by which engines know each other.
    pub home: PathBuf,
    /// Whether it starts sessions that wait.
    pub scheduling: Scheduling,
    /// How many sessions may hold a slot at once, over all engines on one store.
    pub max_concurrent_tasks: NonZeroU32,
    /// How long a claim holds unless it is renewed, which is done three times as often. Only an
    /// engine whose death cannot be seen, or that hangs, is waited out for this long.
    pub lease: Duration,
    /// How long an idle session is kept when its task does not say.
    pub idle_timeout: Duration,
    /// How long an agent whose turn is over is kept when no engine attends to it.
    pub orphan_idle: Duration,
    /// How long each step of ending an agent may take before the next one.
    pub stop_grace: Duration,
    /// The names of environment variables that a task may set.
    pub allowed_env: BTreeSet<String>,
}

impl EngineConfig {
    /// An engine in `home` that serves, with 16 sessions at once, leases of 6 s, 24 h of
    /// idleness, a minute without an attendant, 5 s of grace a step, and no variables allowed.
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
        }
    }
}
