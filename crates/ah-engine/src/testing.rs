//! A host for tests: journals in memory, no processes, and agents that play a script or are
//! controlled by the test.

#![expect(
    clippy::unwrap_used,
    reason = "a test whose lock was poisoned has failed already"
)]

mod agent;
mod executor;
mod recorder;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use ah_lifecycle::turns::Moment;
use ah_lifecycle::{AgentEnd, Fact, Fence, JournalEntry, JournalRecord, Request};
use ah_rest_api_contract::{
    AgentSelection, EphemeralEvent, EventPayload, Log, LogLevel, PermissionPolicy, PromptId,
    SandboxProfile, SessionId, SessionStatus, Thought, Timestamp,
};
use tokio::sync::{broadcast, watch};

use crate::clock::Clock;
pub use agent::Behavior;
use ah_executor::{AgentLaunch, ExecutorError, LogRetention};
use recorder::Recorder;

/// The maximum wait of a test for a request to reach a recorder.
const PATIENCE: Duration = Duration::from_secs(20);
/// The maximum number of ephemeral events that an engine can lag behind.
const BEHIND_MAX: usize = 16;

/// A host whose journals outlive the engines attached to them. Clones share their state.
#[derive(Clone)]
pub struct FakeHost(Arc<Inner>);

struct Inner {
    /// The recorders. The lock protects only them and is not held across waits.
    recorders: Mutex<HashMap<SessionId, Recorder>>,
    moved: watch::Sender<u64>,
    shown: broadcast::Sender<(SessionId, EphemeralEvent)>,
    clock: Arc<dyn Clock>,
    /// The start of the host on both clocks.
    started: (Timestamp, Instant),
    behavior: Behavior,
    /// The injected faults. The lock is held only during an access.
    faults: Mutex<Faults>,
    /// The number of remaining calls of `recorder_state`, `sweep` and `reclaim` that fail.
    failures: AtomicU32,
    /// True if a count of changes takes a while.
    has_slow_counts: AtomicBool,
    /// The number of slow counts that have begun.
    counts: watch::Sender<u32>,
    /// True if storing the changes of a session does not end.
    has_endless_seals: AtomicBool,
    /// The number of endless seals that have begun.
    seals: watch::Sender<u32>,
    /// The number of refused calls of `provision`.
    refusals: watch::Sender<u32>,
    /// The lock of the workspaces, which counts and seals hold, as on a real host.
    workspaces: tokio::sync::Mutex<()>,
    /// The statuses that sessions are held in. The lock is held only during an access.
    held: Mutex<BTreeSet<SessionStatus>>,
}

/// The injected faults of a host, and observations for tests.
#[derive(Default)]
struct Faults {
    refusal: Option<String>,
    immovable: bool,
    unsealable: Option<&'static str>,
    unreadable: Option<fn() -> ExecutorError>,
    discarded: Vec<SessionId>,
    reclaimed: Vec<(SessionId, LogRetention)>,
    remains: BTreeSet<SessionId>,
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
            faults: Mutex::default(),
            failures: AtomicU32::new(0),
            has_slow_counts: AtomicBool::new(false),
            counts: watch::Sender::new(0),
            has_endless_seals: AtomicBool::new(false),
            seals: watch::Sender::new(0),
            refusals: watch::Sender::new(0),
            workspaces: tokio::sync::Mutex::default(),
            held: Mutex::default(),
        }))
    }

    /// Makes provisioning fail with this message.
    pub fn refuse(&self, message: &str) {
        self.0.faults.lock().unwrap().refusal = Some(message.to_owned());
    }

    /// Waits until provisioning was refused this many times.
    ///
    /// # Panics
    /// If that takes longer than 20 s.
    pub async fn refused(&self, times: u32) {
        let mut refusals = self.0.refusals.subscribe();
        let refused = refusals.wait_for(|count| *count >= times);
        let refused = tokio::time::timeout(PATIENCE, refused).await;
        refused.expect("too few attempts").expect("the host lives");
    }

    /// Makes provisioning succeed again.
    pub fn accept(&self) {
        self.0.faults.lock().unwrap().refusal = None;
    }

    /// Makes reads of workspaces fail with this error.
    pub fn make_unreadable(&self, error: fn() -> ExecutorError) {
        self.0.faults.lock().unwrap().unreadable = Some(error);
    }

    /// Makes the removal of workspaces fail.
    pub fn keep_workspaces(&self) {
        self.0.faults.lock().unwrap().immovable = true;
    }

    /// Makes storing the changes of sessions fail with this message; `None` ends the failure.
    pub fn refuse_to_seal(&self, message: Option<&'static str>) {
        self.0.faults.lock().unwrap().unsealable = message;
    }

    /// Makes storing the changes of sessions never end.
    pub fn hold_seals(&self) {
        self.0.has_endless_seals.store(true, Ordering::SeqCst);
    }

    /// Makes storing the changes of sessions end, for those that begin from now on.
    pub fn release_seals(&self) {
        self.0.has_endless_seals.store(false, Ordering::SeqCst);
    }

    /// Waits until a seal has begun that does not end.
    ///
    /// # Panics
    /// If that takes longer than 20 s.
    pub async fn sealing(&self) {
        let mut seals = self.0.seals.subscribe();
        let began = seals.wait_for(|count| *count > 0);
        let began = tokio::time::timeout(PATIENCE, began).await;
        began.expect("no seal").expect("the host lives");
    }

    /// Sets the answer of a session's recorder to the question whether its disk takes no data.
    pub fn set_waiting_for_disk(&self, session: SessionId, waits: bool) {
        self.with(session, |recorder| recorder.waits_for_disk = waits);
    }

    /// Returns the sessions whose remains were removed, and the use of their logs.
    #[must_use]
    pub fn reclaimed(&self) -> Vec<(SessionId, LogRetention)> {
        self.0.faults.lock().unwrap().reclaimed.clone()
    }

    /// Adds remains of a session, as a killed engine leaves them.
    pub fn leave_remains(&self, session: SessionId) {
        self.0.faults.lock().unwrap().remains.insert(session);
    }

    /// Returns the sessions that have remains.
    #[must_use]
    pub fn remains(&self) -> BTreeSet<SessionId> {
        self.0.faults.lock().unwrap().remains.clone()
    }

    /// Returns the sessions whose workspaces were removed.
    #[must_use]
    pub fn discarded(&self) -> Vec<SessionId> {
        self.0.faults.lock().unwrap().discarded.clone()
    }

    /// Returns the maximum number of agents that lived at once.
    #[must_use]
    pub fn most_alive(&self) -> usize {
        self.0.faults.lock().unwrap().most_alive
    }

    /// Makes the next `times` calls of `recorder_state`, `sweep` and `reclaim` fail.
    pub fn fail(&self, times: u32) {
        self.0.failures.store(times, Ordering::SeqCst);
    }

    /// Makes counts of changes take a while, in which they hold the lock of the workspace.
    pub fn slow_counts(&self) {
        self.0.has_slow_counts.store(true, Ordering::SeqCst);
    }

    /// Waits until a slow count has begun.
    ///
    /// # Panics
    /// If no count begins within 20 s.
    pub async fn counting(&self) {
        let mut counts = self.0.counts.subscribe();
        let begun = counts.wait_for(|count| *count > 0);
        let begun = tokio::time::timeout(PATIENCE, begun).await;
        begun.expect("no count has begun").expect("the host lives");
    }

    /// Holds sessions in this status: requests that would end it are postponed.
    pub fn hold(&self, status: SessionStatus) {
        self.0.held.lock().unwrap().insert(status);
    }

    /// Starts the recorder of a session, as an engine did that ended before it wrote so.
    pub fn start_recorder(&self, session: SessionId) {
        let launch = AgentLaunch {
            session,
            agent: AgentSelection::new(ah_scenario::AGENT_TYPE),
            env: BTreeMap::new(),
            workspace: format!("/workspaces/{session}").into(),
            sandbox: SandboxProfile::Disabled,
            prompt: "begin".into(),
            prompt_id: PromptId::from_ulid(session.ulid()),
            author: "user".to_owned(),
            permissions: PermissionPolicy::default(),
            interactive: false,
            fence: Fence(1),
            ready: Duration::MAX,
            timeout: None,
            idle: Duration::MAX,
            orphan_idle: Duration::MAX,
            stop_grace: Duration::MAX,
        };
        let (behavior, now) = (self.0.behavior, self.now());
        self.with(session, |recorder| recorder.launch(&launch, behavior, now));
    }

    /// Carries out the requests that [`FakeHost::hold`] postponed.
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

    /// Settles the permission requests that have expired.
    pub fn expire(&self) {
        let now = self.now();
        let sessions: Vec<SessionId> = self.0.recorders.lock().unwrap().keys().copied().collect();
        for session in sessions {
            self.with(session, |recorder| recorder.expire(now));
        }
    }

    /// Appends an event of the agent to the journal.
    pub fn event(&self, session: SessionId, payload: EventPayload) {
        self.append(session, JournalEntry::Event(payload));
    }

    /// Appends a thought of the agent to the journal.
    pub fn thought(&self, session: SessionId, text: &str) {
        let thought = Thought::new(text);
        self.event(session, EventPayload::Thought(thought));
    }

    /// Appends a log line of the agent to the journal.
    pub fn log(&self, session: SessionId, level: LogLevel, message: &str) {
        let log = Log::new(level, message);
        self.event(session, EventPayload::Log(log));
    }

    /// Sends an ephemeral event of the agent.
    pub fn show(&self, session: SessionId, event: EphemeralEvent) {
        // Sending fails if no engine is attached, so nothing is lost.
        self.0.shown.send((session, event)).ok();
    }

    /// Appends a fact to the journal.
    pub fn fact(&self, session: SessionId, fact: Fact) {
        self.append(session, JournalEntry::Fact(fact));
    }

    /// Ends the agent and its processes.
    pub fn end(&self, session: SessionId, end: AgentEnd) {
        let now = self.now();
        self.with(session, |recorder| recorder.end(end, now));
    }

    /// Ends the recorder without a last record.
    pub fn kill_recorder(&self, session: SessionId) {
        self.with(session, |recorder| recorder.alive = false);
    }

    /// Ends the agent's turn. The next one begins if a prompt is queued.
    pub fn end_turn(&self, session: SessionId) {
        let now = self.now();
        self.with(session, |recorder| recorder.end_turn(now));
    }

    /// Returns every request that reached the recorder, in order.
    #[must_use]
    pub fn requests(&self, session: SessionId) -> Vec<Request> {
        self.with(session, |recorder| recorder.requests.clone())
    }

    /// Waits until the recorder received a request that `wanted` accepts.
    ///
    /// # Panics
    /// If no such request arrives within 20 s.
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

    /// Returns true if the session's processes are frozen.
    #[must_use]
    pub fn is_frozen(&self, session: SessionId) -> bool {
        self.with(session, |recorder| recorder.frozen)
    }

    /// Returns the environment that the session's agent was launched with.
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

    /// Returns the current time. The monotonic clock follows the clock of the test.
    fn now(&self) -> Moment {
        let (wall, tick) = self.0.started;
        let now = self.0.clock.now();
        Moment {
            wall: now,
            tick: tick + now.since(wall),
        }
    }

    /// Fails as often as set by [`FakeHost::fail`].
    fn may_fail(&self) -> Result<(), ExecutorError> {
        let failures = &self.0.failures;
        let failing = failures.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| {
            left.checked_sub(1)
        });
        match failing {
            Ok(_) => Err(ExecutorError::new("the host is unwell")),
            Err(_) => Ok(()),
        }
    }

    fn take(&self, session: SessionId, request: &Request) {
        let now = self.now();
        let held = self.0.held.lock().unwrap().clone();
        self.with(session, |recorder| recorder.take(request, &held, now));
    }

    /// Returns at most `limit` records, starting with number `from`.
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
