//! Configuration of a mock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{
    AgentCapabilities, Caller, EventSeq, RepositorySource, Session, SessionEvent, Timestamp,
};
use ah_scenario::Script;

use crate::fault::{Conditions, Fault, MockMethod, StreamConditions};
use crate::ids::Ids;
use crate::manager::MockTaskManager;
use crate::script;
use crate::session::Times;
use crate::shared::Shared;
use crate::state::{Agents, MockSettings, Repositories, State};

/// The initial time of a mock's clock: 2026-01-01T00:00:00Z.
const START_MILLIS: i64 = 1_767_225_600_000;

/// Builds a [`MockTaskManager`].
///
/// The defaults are: seed 0, the start of 2026, 16 slots, one agent `scenario` that plays a
/// realistic session, no repositories, no latency and no faults. Operations outside of the script
/// take no time.
#[derive(Clone, Debug)]
pub struct MockBuilder {
    seed: u64,
    start: Timestamp,
    slots: usize,
    author: String,
    times: Times,
    agents: Agents,
    repositories: Vec<(RepositorySource, Vec<String>)>,
    sessions: Vec<(Session, Vec<SessionEvent>)>,
    allowed_env: BTreeSet<String>,
    conditions: Conditions,
    streams: StreamConditions,
}

impl MockTaskManager {
    /// Creates a mock that plays a realistic session for every task. [`MockTaskManager::builder`]
    /// configures others.
    #[must_use]
    pub fn new() -> Self {
        Self::builder().build()
    }

    /// Creates a builder of a mock.
    #[must_use]
    pub fn builder() -> MockBuilder {
        MockBuilder::new()
    }
}

impl Default for MockTaskManager {
    fn default() -> Self {
        Self::new()
    }
}

impl MockBuilder {
    fn new() -> Self {
        Self {
            seed: 0,
            start: Timestamp::from_unix_millis(START_MILLIS),
            slots: 16,
            author: "user".to_owned(),
            times: Times {
                provisioning: Duration::ZERO,
                control: Duration::ZERO,
                idle: Duration::from_secs(24 * 60 * 60),
            },
            agents: Agents::playing(script::realistic()),
            repositories: Vec::new(),
            sessions: Vec::new(),
            allowed_env: BTreeSet::new(),
            conditions: Conditions::default(),
            streams: StreamConditions::default(),
        }
    }

    /// Sets the seed of ids and probabilities. Two mocks with the same seed and the same calls
    /// behave identically.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// Sets the initial time of the clock, which then advances with tokio's.
    #[must_use]
    pub const fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// Sets the maximum number of running sessions; others are queued.
    #[must_use]
    pub const fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    /// Sets the author of prompts and answers.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// Sets the time to create a workspace and start an agent.
    #[must_use]
    pub const fn provisioning_takes(mut self, time: Duration) -> Self {
        self.times.provisioning = time;
        self
    }

    /// Sets the time to pause, resume or end a session.
    #[must_use]
    pub const fn control_takes(mut self, time: Duration) -> Self {
        self.times.control = time;
        self
    }

    /// Sets the script of the agent `scenario` for tasks whose settings name no scenario.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.agents.set_script(script);
        self
    }

    /// Adds an agent that always plays `script`.
    #[must_use]
    pub fn agent(
        mut self,
        agent_type: &str,
        capabilities: AgentCapabilities,
        script: Script,
    ) -> Self {
        self.agents.add(agent_type, capabilities, script);
        self
    }

    /// Adds a known repository with its branches, the default one first. A repository that is known
    /// only from tasks has a single branch `main`.
    #[must_use]
    pub fn repository<'a>(
        mut self,
        source: RepositorySource,
        branches: impl IntoIterator<Item = &'a str>,
    ) -> Self {
        let branches = branches.into_iter().map(str::to_owned).collect();
        self.repositories.push((source, branches));
        self
    }

    /// Adds a session with its log, newer than those added before. Its events are numbered from 1. It
    /// has no task and does not proceed, and its changes are those of its file edits.
    #[must_use]
    pub fn session(mut self, session: Session, log: Vec<SessionEvent>) -> Self {
        self.sessions.push((session, log));
        self
    }

    /// Allows tasks to set an environment variable.
    #[must_use]
    pub fn allow_env(mut self, name: impl Into<String>) -> Self {
        self.allowed_env.insert(name.into());
        self
    }

    /// Delays each call of `method`.
    #[must_use]
    pub fn latency(mut self, method: MockMethod, latency: Duration) -> Self {
        self.conditions.set_latency(method, latency);
        self
    }

    /// Delays each call of any method.
    #[must_use]
    pub fn latency_everywhere(mut self, latency: Duration) -> Self {
        for method in MockMethod::ALL {
            self.conditions.set_latency(*method, latency);
        }
        self
    }

    /// Makes `method` fail as described. Of several faults, the first that applies is used.
    #[must_use]
    pub fn fault(mut self, method: MockMethod, fault: Fault) -> Self {
        self.conditions.arm(method, fault);
        self
    }

    /// Makes each stream that started before event `seq` break after it, like a lost connection. A
    /// stream that resumes there continues.
    #[must_use]
    pub const fn cut_streams_at(mut self, seq: EventSeq) -> Self {
        self.streams.cut_at = Some(seq);
        self
    }

    /// Delays each item of a stream.
    #[must_use]
    pub const fn slow_streams(mut self, pace: Duration) -> Self {
        self.streams.pace = pace;
        self
    }

    /// Creates the mock and starts its clock.
    #[must_use]
    pub fn build(self) -> MockTaskManager {
        let mut ids = Ids::seeded(self.seed);
        let mut repositories = Repositories::default();
        for (source, branches) in &self.repositories {
            repositories.add(source, branches, &mut ids, self.start);
        }
        let mut state = State::new(MockSettings {
            ids,
            agents: self.agents,
            repositories,
            conditions: self.conditions,
            streams: self.streams,
            allowed_env: self.allowed_env,
            slots: self.slots,
            times: self.times,
        });
        for (session, log) in self.sessions {
            state.add(session, log);
        }
        let shared = Arc::new(Shared::new(state, self.start));
        MockTaskManager::of(shared, Caller::named(self.author))
    }
}
