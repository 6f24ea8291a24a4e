//! A host for tests: journals in memory and no process, with agents that play a script or that the
//! test plays.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose lock was poisoned has failed already"
)]

mod agent;
mod executor;
mod recorder;

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ah_agents::Catalog;
use ah_agents::protocol::{AgentEnd, Fact, JournalEntry, JournalRecord, Request};
use ah_lifecycle::turns::Moment;
use ah_rest_api_contract::{
    EphemeralEvent, EventPayload, Log, LogLevel, SessionId, SessionStatus, Thought, Timestamp,
};
use tokio::sync::{broadcast, watch};

use crate::clock::Clock;
use crate::executor::ExecutorError;
use recorder::Recorder;

/// How long a test waits for a request to reach a recorder.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many ephemeral events an engine may be behind before it loses some.
const BEHIND_MAX: usize = 16;

/// The behavior of an agent without a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behavior {
    /// It thinks one thought in each turn and ends it.
    EndsTurns,
    /// It begins its turns and leaves the rest to the test.
    Directed,
    /// It plays the scenario of its settings. Time that the script lets pass does not pass here.
    Scripted,
}

/// A host whose journals outlive the engines that attend to them. Clones of it are the same one.
#[derive(Clone)]
pub struct FakeHost(Arc<Inner>);

struct Inner {
    /// The recorders. It protects only them: nothing waits while it is held.
    recorders: Mutex<HashMap<SessionId, Recorder>>,
    moved: watch::Sender<u64>,
    shown: broadcast::Sender<(SessionId, EphemeralEvent)>,
    clock: Arc<dyn Clock>,
    /// The start of the host by both clocks.
    started: (Timestamp, Instant),
    behavior: Behavior,
    catalog: Catalog,
    /// What goes wrong. It is held for as long as it is looked at.
    troubles: Mutex<Troubles>,
    /// How often the host fails to look, sweep and discard before it does what it is asked.
    failures: AtomicU32,
    /// The statuses that sessions are kept in. It is held for as long as it is looked at.
    held: Mutex<BTreeSet<SessionStatus>>,
}

/// What goes wrong on a host, and what was seen of it.
#[derive(Default)]
struct Troubles {
    refusal: Option<String>,
    immovable: bool,
    discarded: Vec<SessionId>,
    most_alive: usize,
}

impl FakeHost {
    /// Creates a host whose agents all have this behavior.
    #[must_use]
    pub fn new(clock: Arc<dyn Clock>, behavior: Behavior) -> Self {
        let started = (clock.now(), Instant::now());
        Self(Arc::new(Inner {
            recorders: Mutex::default(),
            moved: watch::Sender::new(0),
            shown: broadcast::Sender::new(BEHIND_MAX),
            clock,
            started,
            behavior,
            catalog: Catalog::scripted(vec!["unused".to_owned()]),
            troubles: Mutex::default(),
            failures: AtomicU32::new(0),
            held: Mutex::default(),
        }))
    }

    /// Has provisioning answer with this instead of a workspace.
    pub fn refuse(&self, message: &str) {
        self.0.troubles.lock().unwrap().refusal = Some(message.to_owned());
    }

    /// Has workspaces stay that are to be removed.
    pub fn keep_workspaces(&self) {
        self.0.troubles.lock().unwrap().immovable = true;
    }

    /// The sessions whose workspaces were removed.
    #[must_use]
    pub fn discarded(&self) -> Vec<SessionId> {
        self.0.troubles.lock().unwrap().discarded.clone()
    }

    /// How many agents lived at once, at most.
    #[must_use]
    pub fn most_alive(&self) -> usize {
        self.0.troubles.lock().unwrap().most_alive
    }

    /// Has the host fail to look, sweep and discard so many times.
    pub fn fail(&self, times: u32) {
        self.0.failures.store(times, Ordering::SeqCst);
    }

    /// Keeps sessions in this status: what would end it by itself is not done.
    pub fn hold(&self, status: SessionStatus) {
        self.0.held.lock().unwrap().insert(status);
    }

    /// Does what was not done because of [`FakeHost::hold`].
    pub fn release(&self, status: SessionStatus) {
        self.0.held.lock().unwrap().remove(&status);
        let mut waiting = Vec::new();
        for (id, recorder) in self.0.recorders.lock().unwrap().iter_mut() {
            let asked = std::mem::take(&mut recorder.postponed);
            waiting.extend(asked.into_iter().map(|request| (*id, request)));
        }
        for (session, request) in waiting {
            self.take(session, &request);
        }
        self.notify();
    }

    /// Settles the permission requests whose time is up.
    pub fn expire(&self) {
        let now = self.now();
        let sessions: Vec<SessionId> = self.0.recorders.lock().unwrap().keys().copied().collect();
        for session in sessions {
            self.with(session, |recorder| recorder.expire(now));
        }
    }

    /// The agent says or does something.
    pub fn event(&self, session: SessionId, payload: EventPayload) {
        self.append(session, JournalEntry::Event(payload));
    }

    /// The agent thinks this.
    pub fn thought(&self, session: SessionId, text: &str) {
        let thought = Thought {
            thought: text.into(),
            reasoning: None,
        };
        self.event(session, EventPayload::Thought(thought));
    }

    /// A line of the agent's log.
    pub fn log(&self, session: SessionId, level: LogLevel, message: &str) {
        let log = Log {
            level,
            message: message.into(),
            tool_execution_id: None,
        };
        self.event(session, EventPayload::Log(log));
    }

    /// The agent shows something that is not written down.
    pub fn show(&self, session: SessionId, event: EphemeralEvent) {
        // It fails when nobody attends, which is no loss.
        self.0.shown.send((session, event)).ok();
    }

    /// The recorder tells a fact.
    pub fn fact(&self, session: SessionId, fact: Fact) {
        self.append(session, JournalEntry::Fact(fact));
    }

    /// Nothing of the agent is left.
    pub fn end(&self, session: SessionId, end: AgentEnd) {
        let now = self.now();
        self.with(session, |recorder| recorder.end(end, now));
    }

    /// The recorder dies without a word.
    pub fn kill_recorder(&self, session: SessionId) {
        self.with(session, |recorder| recorder.alive = false);
    }

    /// The agent's turn ends, and the next one begins if a prompt waits.
    pub fn end_turn(&self, session: SessionId) {
        let now = self.now();
        self.with(session, |recorder| recorder.end_turn(now));
    }

    /// Every request that ever reached the recorder, in order.
    #[must_use]
    pub fn requests(&self, session: SessionId) -> Vec<Request> {
        self.with(session, |recorder| recorder.requests.clone())
    }

    /// Waits until the recorder was asked for something that `wanted` recognises.
    ///
    /// # Panics
    /// When it was not within 20 s.
    pub async fn asked(&self, session: SessionId, wanted: impl Fn(&Request) -> bool) {
        let mut moved = self.0.moved.subscribe();
        let asked = async {
            while !self.0.recorders.lock().unwrap()[&session]
                .requests
                .iter()
                .any(&wanted)
            {
                moved.changed().await.expect("the host lives");
            }
        };
        tokio::time::timeout(PATIENCE, asked)
            .await
            .unwrap_or_else(|_| panic!("never asked: {:?}", self.requests(session)));
    }

    /// Whether the session's processes are frozen.
    #[must_use]
    pub fn is_frozen(&self, session: SessionId) -> bool {
        self.with(session, |recorder| recorder.frozen)
    }

    /// The environment that the session's agent was launched with.
    #[must_use]
    pub fn environment(&self, session: SessionId) -> Vec<(String, String)> {
        self.with(session, |recorder| recorder.launched_with.clone())
    }

    fn with<T>(&self, session: SessionId, act: impl FnOnce(&mut Recorder) -> T) -> T {
        let mut recorders = self.0.recorders.lock().unwrap();
        let recorder = recorders.entry(session).or_default();
        let result = act(recorder);
        let shown = std::mem::take(&mut recorder.shown);
        drop(recorders);
        for event in shown {
            self.show(session, event);
        }
        self.notify();
        result
    }

    fn notify(&self) {
        self.0.moved.send_modify(|count| *count += 1);
    }

    fn append(&self, session: SessionId, entry: JournalEntry) {
        let now = self.now();
        self.with(session, |recorder| recorder.append(entry, now));
    }

    /// The current moment. The monotonic clock follows the one that the test turns.
    fn now(&self) -> Moment {
        let (wall, tick) = self.0.started;
        let now = self.0.clock.now();
        Moment {
            wall: now,
            tick: tick + now.since(wall),
        }
    }

    /// Fails as often as was asked for.
    fn may_fail(&self) -> Result<(), ExecutorError> {
        let failures = &self.0.failures;
        let failing = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        match failing {
            Ok(_) => Err(trouble("the host is unwell")),
            Err(_) => Ok(()),
        }
    }

    fn take(&self, session: SessionId, request: &Request) {
        let now = self.now();
        let held = self.0.held.lock().unwrap().clone();
        self.with(session, |recorder| recorder.take(request, &held, now));
    }

    /// The records from the `from`th on, at most `limit`.
    fn journal(&self, session: SessionId, from: u64, limit: usize) -> Vec<JournalRecord> {
        let from = usize::try_from(from).unwrap();
        let recorders = self.0.recorders.lock().unwrap();
        let journal = recorders.get(&session).map(|recorder| &recorder.journal);
        journal
            .into_iter()
            .flatten()
            .skip(from)
            .take(limit)
            .cloned()
            .collect()
    }
}

fn trouble(message: &str) -> ExecutorError {
    ExecutorError {
        message: message.to_owned(),
        field: None,
        source: None,
    }
}
