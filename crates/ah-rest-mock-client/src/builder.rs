//! Configuring a mock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{AgentCapabilities, EventSeq, RepositorySource, Timestamp};
use ah_scenario::Script;

use crate::fault::{Conditions, Fault, Method};
use crate::ids::Ids;
use crate::manager::MockTaskManager;
use crate::script;
use crate::session::Times;
use crate::shared::Shared;
use crate::state::{Agents, Repositories, Setting, State};
use crate::stream::StreamConditions;

/// Where a mock's clock stands at first: 2026-01-01T00:00:00Z.
const START_MILLIS: i64 = 1_767_225_600_000;

/// Configures a [`MockTaskManager`].
///
/// What is not said: seed 0, the first moment of 2026, 16 sessions at once, one agent `scenario`
/// that plays a realistic session, no repository, no latency and no fault. Everything that is not
/// the script's to say takes no time.
#[derive(Clone, Debug)]
pub struct MockBuilder {
    seed: u64,
    start: Timestamp,
    slots: usize,
    author: String,
    times: Times,
    agents: Agents,
    repositories: Vec<(RepositorySource, Vec<String>)>,
    allowed_env: BTreeSet<String>,
    conditions: Conditions,
    streams: StreamConditions,
}

impl MockBuilder {
    pub(crate) fn new() -> Self {
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
            allowed_env: BTreeSet::new(),
            conditions: Conditions::default(),
            streams: StreamConditions::default(),
        }
    }

    /// What ids and chance depend on: two mocks of one seed that are asked the same do the same.
    #[must_use]
    pub const fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// What the clock says when the mock is made. It goes on with tokio's.
    #[must_use]
    pub const fn starting_at(mut self, start: Timestamp) -> Self {
        self.start = start;
        self
    }

    /// How many sessions may hold a slot at once; the others are queued.
    #[must_use]
    pub const fn slots(mut self, slots: usize) -> Self {
        self.slots = slots;
        self
    }

    /// Who says the prompts and gives the answers.
    #[must_use]
    pub fn author(mut self, author: impl Into<String>) -> Self {
        self.author = author.into();
        self
    }

    /// How long it takes to make a workspace and start an agent.
    #[must_use]
    pub const fn provisioning_takes(mut self, time: Duration) -> Self {
        self.times.provisioning = time;
        self
    }

    /// How long it takes to freeze a session, to let it go on, and to end it; each.
    #[must_use]
    pub const fn control_takes(mut self, time: Duration) -> Self {
        self.times.control = time;
        self
    }

    /// What the agent `scenario` plays when a task's settings name no scenario.
    #[must_use]
    pub fn script(mut self, script: Script) -> Self {
        self.agents.set_script(script);
        self
    }

    /// One more agent that tasks can name, which always plays `script`.
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

    /// A repository that is known from the start, with its branches, of which the first is the
    /// default one. One that a task is launched on has a branch `main` unless it is told here.
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

    /// An environment variable that tasks may set.
    #[must_use]
    pub fn allow_env(mut self, name: impl Into<String>) -> Self {
        self.allowed_env.insert(name.into());
        self
    }

    /// How long each call of `method` takes before it does anything.
    #[must_use]
    pub fn latency(mut self, method: Method, latency: Duration) -> Self {
        self.conditions.set_latency(method, latency);
        self
    }

    /// How long each call of any method takes before it does anything.
    #[must_use]
    pub fn latency_everywhere(mut self, latency: Duration) -> Self {
        for method in Method::ALL {
            self.conditions.set_latency(*method, latency);
        }
        self
    }

    /// Has `method` fail as the fault says. Of several the first that says so counts.
    #[must_use]
    pub fn fault(mut self, method: Method, fault: Fault) -> Self {
        self.conditions.arm(method, fault);
        self
    }

    /// Has each stream that began before event `seq` break off after it, as when a connection is
    /// lost; one that is taken up from there goes on.
    #[must_use]
    pub const fn cut_streams_at(mut self, seq: EventSeq) -> Self {
        self.streams.cut_at = Some(seq);
        self
    }

    /// Has each item of a stream take so long.
    #[must_use]
    pub const fn slow_streams(mut self, pace: Duration) -> Self {
        self.streams.pace = pace;
        self
    }

    /// Makes the mock. Its clock begins to run.
    #[must_use]
    pub fn build(self) -> MockTaskManager {
        let mut ids = Ids::seeded(self.seed);
        let mut repositories = Repositories::default();
        for (source, branches) in &self.repositories {
            repositories.add(source, branches, &mut ids, self.start);
        }
        let state = State::new(Setting {
            ids,
            agents: self.agents,
            repositories,
            conditions: self.conditions,
            streams: self.streams,
            allowed_env: self.allowed_env,
            author: self.author,
            slots: self.slots,
            times: self.times,
        });
        MockTaskManager::of(Arc::new(Shared::new(state, self.start)))
    }
}
