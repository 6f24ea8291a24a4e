//! Claims of queued and orphaned sessions.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use ah_rest_api_contract::{SessionId, SupervisorPhase, Timestamp, error_chain};
use ah_store::{Claim, Fence, Lease, SessionRecord, StoreError, metrics as names};
use futures::FutureExt;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::Instrument as _;

use crate::condition::EngineCondition;
use crate::config::Scheduling;
use crate::engine::Core;
use crate::liveness::Liveness;
use crate::reclaim;
use crate::shortage;
use crate::supervisor::{Supervisor, SupervisorError};

/// The interval between checks for dead engines. A store reports changes of sessions, but not the
/// death of an engine.
const ORPHAN_CHECK: Duration = Duration::from_secs(1);
/// The interval between removals of expired receipts.
const RECEIPT_SWEEP: Duration = Duration::from_secs(60 * 60);
/// The number of attempts of a failing supervisor before its session is given up.
const SUPERVISOR_ATTEMPTS: u32 = 5;
/// The longest wait before a supervisor is started again.
const BACKOFF_MAX: Duration = Duration::from_secs(5);

/// Claims sessions and starts their supervisors.
pub(crate) struct Scheduler {
    pub(crate) core: Arc<Core>,
    pub(crate) liveness: Liveness,
    pub(crate) tasks: TaskTracker,
    pub(crate) shutdown: CancellationToken,
}

impl Scheduler {
    /// Claims sessions whenever the store reports work, until the engine shuts down.
    pub(crate) async fn run(self) {
        let mut work = self.core.store.watch_work();
        let clock = self.core.clock.clone();
        let mut renew_at = clock.now().plus(self.core.config.lease / 3);
        let mut check_at = clock.now().plus(ORPHAN_CHECK);
        let mut sweep_at = clock.now();
        let mut reclaim_at = clock.now();
        self.liveness.tidy();
        loop {
            work.mark_unchanged();
            if self.core.config.scheduling == Scheduling::Serve {
                self.report("claim a queued session", self.claim_queued().await);
                let now = clock.now();
                if now >= reclaim_at {
                    reclaim_at = now.plus(reclaim::SWEEP_EVERY);
                    let sweep = reclaim::sweep(self.core.clone(), self.shutdown.clone());
                    self.tasks.spawn(sweep);
                }
            }
            tokio::select! {
                () = self.shutdown.cancelled() => return,
                moved = work.changed() => if moved.is_err() { return },
                () = clock.sleep_until(renew_at.min(check_at)) => {
                    let now = clock.now();
                    if now >= renew_at {
                        renew_at = now.plus(self.core.config.lease / 3);
                        let lease = self.lease(now);
                        let renewed = self.core.store.renew(&lease).await;
                        if self.note_condition(&renewed) {
                            self.shutdown.cancel();
                            return;
                        }
                        self.report("renew its claims", renewed);
                    }
                    if now >= sweep_at {
                        sweep_at = now.plus(RECEIPT_SWEEP);
                        let swept = self.core.store.sweep_receipts(now).await;
                        self.report("delete expired receipts", swept.map(drop));
                    }
                    if now >= check_at {
                        check_at = now.plus(ORPHAN_CHECK);
                        self.report("claim an orphan", self.adopt().await.map(drop));
                    }
                }
            }
        }
    }

    /// Determines the condition of this engine. Returns true if it cannot go on, because what it
    /// writes would be lost.
    fn note_condition(&self, renewed: &Result<(), StoreError>) -> bool {
        let lost = self.liveness.lost().or_else(|| self.core.store.lost());
        let found = EngineCondition::of(lost, &self.core.config.home, renewed);
        self.core.condition.send_if_modified(|condition| {
            if *condition == found {
                return false;
            }
            match found.fault() {
                Some(reason) => tracing::error!(engine.id = %self.core.engine, reason, "the engine cannot write"),
                None => tracing::info!(engine.id = %self.core.engine, "the engine can write again"),
            }
            *condition = found.clone();
            true
        });
        matches!(found, EngineCondition::Lost(_))
    }

    fn lease(&self, now: Timestamp) -> Lease {
        Lease {
            engine: self.core.engine.clone(),
            expires_at: now.plus(self.core.config.lease),
        }
    }

    async fn claim_queued(&self) -> Result<(), StoreError> {
        let slots = self.core.config.max_concurrent_tasks.get();
        loop {
            let now = self.core.clock.now();
            let claim = Claim::NextQueued { slots };
            match self.core.store.claim(claim, &self.lease(now), now).await? {
                Some(record) => self.supervise(record, None),
                None => return Ok(()),
            }
        }
    }

    /// Claims the sessions of dead engines. Each receiver resolves once the journal of its session
    /// is ingested.
    pub(crate) async fn adopt(&self) -> Result<Vec<oneshot::Receiver<()>>, StoreError> {
        let mut caught_up = Vec::new();
        let dead = self.liveness.dead(self.core.store.owners().await?);
        loop {
            let now = self.core.clock.now();
            let claim = Claim::Orphan { dead: dead.clone() };
            match self.core.store.claim(claim, &self.lease(now), now).await? {
                Some(record) => {
                    let (sender, receiver) = oneshot::channel();
                    self.supervise(record, Some(sender));
                    caught_up.push(receiver);
                }
                None => return Ok(caught_up),
            }
        }
    }

    fn supervise(&self, record: SessionRecord, caught_up: Option<oneshot::Sender<()>>) {
        let core = self.core.clone();
        let shutdown = self.shutdown.clone();
        let span = tracing::debug_span!(
            "supervise",
            session.id = %record.id(),
            session.fence = record.fence.0,
        );
        self.tasks
            .spawn(supervise(core, record, shutdown, caught_up).instrument(span));
    }

    fn report(&self, doing: &'static str, result: Result<(), StoreError>) {
        if let Err(error) = result {
            let error = &error as &dyn std::error::Error;
            tracing::warn!(engine.id = %self.core.engine, error, "the engine failed to {doing}");
        }
    }
}

/// Attends to one session. A panic or a failure affects no other session. It is retried with a
/// backoff, and after [`SUPERVISOR_ATTEMPTS`] failures the session is given up.
async fn supervise(
    core: Arc<Core>,
    record: SessionRecord,
    shutdown: CancellationToken,
    mut caught_up: Option<oneshot::Sender<()>>,
) {
    let id = record.id();
    let _supervised = Supervised::begin(core.clone(), &record);
    let (mut attempts, mut away) = (0, 0);
    loop {
        let result = attempt(
            core.clone(),
            record.clone(),
            shutdown.clone(),
            caught_up.take(),
        )
        .await;
        let error = match result {
            Ok(())
            | Err(SupervisorError::Shutdown | SupervisorError::Store(StoreError::Fenced { .. })) => {
                return;
            }
            Err(error) => error,
        };
        report_failure(id, attempts, &error);
        core.supervisors.note_failure(id, error_chain(&error));
        let now = core.clock.now();
        core.supervisors.enter(id, SupervisorPhase::BackingOff, now);
        // Failures of the store and shortages of the host do not count as attempts: they pass, and
        // say nothing about the session.
        match &error {
            SupervisorError::Store(StoreError::Unavailable { .. } | StoreError::Backend { .. }) => {
                away += 1;
            }
            SupervisorError::Executor(error) if shortage::caused(error) => away += 1,
            _ => attempts += 1,
        }
        if attempts >= SUPERVISOR_ATTEMPTS {
            give_up(core, record, shutdown, &error).await;
            return;
        }
        let failed: u32 = attempts + away;
        let backoff = (Duration::from_millis(200) * failed.min(25)).min(BACKOFF_MAX);
        tokio::select! {
            () = shutdown.cancelled() => return,
            () = tokio::time::sleep(backoff) => {}
        }
    }
}

/// Lists and counts a session as supervised until it is dropped.
struct Supervised {
    core: Arc<Core>,
    id: SessionId,
    fence: Fence,
}

impl Supervised {
    fn begin(core: Arc<Core>, record: &SessionRecord) -> Self {
        let (id, fence) = (record.id(), record.fence);
        core.supervisors.begin(id, fence, core.clock.now());
        metrics::gauge!(names::SUPERVISORS.name).increment(1.0);
        Self { core, id, fence }
    }
}

impl Drop for Supervised {
    fn drop(&mut self) {
        self.core.supervisors.end(self.id, self.fence);
        metrics::gauge!(names::SUPERVISORS.name).decrement(1.0);
    }
}

fn report_failure(id: SessionId, attempts: u32, error: &SupervisorError) {
    metrics::counter!(names::SUPERVISOR_FAILURES.name).increment(1);
    let error = error as &dyn std::error::Error;
    tracing::error!(session.id = %id, attempts, error, "a session's supervisor failed");
}

async fn attempt(
    core: Arc<Core>,
    record: SessionRecord,
    shutdown: CancellationToken,
    caught_up: Option<oneshot::Sender<()>>,
) -> Result<(), SupervisorError> {
    let run = async {
        Supervisor::new(core, record, shutdown, caught_up)
            .await?
            .run()
            .await
    };
    match AssertUnwindSafe(run).catch_unwind().await {
        Ok(result) => result,
        Err(panic) => Err(SupervisorError::Panic(panic_message(&*panic))),
    }
}

async fn give_up(
    core: Arc<Core>,
    record: SessionRecord,
    shutdown: CancellationToken,
    error: &SupervisorError,
) {
    let id = record.id();
    let last_word = async {
        let current = core.store.session(id).await?;
        if current.fence != record.fence {
            return Err(StoreError::Fenced { id: id.to_string() }.into());
        }
        Supervisor::new(core, current, shutdown, None)
            .await?
            .give_up(error)
            .await
    };
    if let Err(error) = last_word.await {
        let error = &error as &dyn std::error::Error;
        tracing::error!(session.id = %id, error, "a session could not be given up");
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .map(ToString::to_string)
        .or_else(|| panic.downcast_ref::<String>().cloned());
    format!(
        "it panicked: {}",
        text.unwrap_or_else(|| "without a message".to_owned())
    )
}
