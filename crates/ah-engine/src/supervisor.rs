//! The supervisor: one task per session, which owns the session's state.
//!
//! It compares the session with its host and performs the missing steps. It creates the workspace,
//! starts the recorder, attaches to it, ingests its journal into the log, sends the due requests,
//! and writes the end. Every step can be interrupted by the death of this process. The next
//! supervisor continues from the written state.

mod attend;
mod bring_up;
mod conclude;
mod escalate;
mod seal;

use std::sync::Arc;
use std::time::Duration;

use ah_lifecycle::end::ProcessEnd;
use ah_lifecycle::{Change, Decision, Refusal, View, finish};
use ah_rest_api_contract::{SessionId, SessionStatus, SupervisorPhase};
use ah_store::{
    Guard, Head, JournalPosition, SessionRecord, SessionVersion, StoreError, metrics as names,
};
use tokio::sync::{oneshot, watch};
use tokio_util::sync::CancellationToken;

use crate::decision::{DECISION_ATTEMPTS, back_off, write_of};
use crate::engine::{CommandTarget, Core};
use crate::reclaim;
use ah_executor::{ExecutorError, RecorderState};
use escalate::EndLimit;

/// The maximum number of consecutive attempts without progress.
const ATTEMPTS_WITHOUT_PROGRESS_MAX: u32 = 20;
/// The wait after an attempt without progress, times the number of such attempts before it. The
/// first retry is immediate: the attempt that starts a recorder makes no progress in its journal.
const NO_PROGRESS_WAIT_STEP: Duration = Duration::from_millis(25);

/// The cause of a supervisor's end before the end of its session.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SupervisorError {
    /// The engine is shutting down.
    #[error("the engine is shutting down")]
    Shutdown,
    /// The store refused or failed. [`StoreError::Fenced`] means that another engine owns the
    /// session.
    #[error("the session's state cannot be written or read")]
    Store(#[from] StoreError),
    /// The host failed.
    #[error("the session's host failed")]
    Executor(#[from] ExecutorError),
    /// The lifecycle refused a decision of the supervisor: a bug.
    #[error("the session's state machine refused a decision")]
    Machine(#[from] Refusal),
    /// The recorder sent a malformed frame.
    #[error("the session's recorder sent a malformed frame")]
    Recorder(#[source] std::io::Error),
    /// Too many consecutive attempts to start the recorder or to attach to it made no progress.
    #[error("{attempts} attempts to start the recorder or to attach to it made no progress")]
    NoProgress {
        /// The number of attempts.
        attempts: u32,
    },
    /// The supervisor panicked: a bug.
    #[error("{0}")]
    Panic(String),
}

impl SupervisorError {
    /// Returns the text for clients. The log has the causes.
    fn explanation(&self) -> String {
        match self {
            Self::Executor(error) => format!("{self}: {}", error.explanation()),
            other => other.to_string(),
        }
    }
}

/// The outcome of a write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Commit {
    /// The change is written.
    Written,
    /// Nothing was written, because the session had changed. It was read again.
    Conflict,
}

/// The owner of one session's state.
pub(crate) struct Supervisor {
    core: Arc<Core>,
    id: SessionId,
    view: View,
    head: watch::Receiver<Head>,
    shutdown: CancellationToken,
    /// True once the journal as of the start is in the log.
    is_caught_up: bool,
    /// Notified once the session is caught up and the work due by then is done.
    caught_up: Option<oneshot::Sender<()>>,
    /// The number of consecutive attempts to start or attach to the recorder without progress.
    without_progress: u32,
    /// The limit for the recorder to end the session; `None` until the session is to end.
    end_limit: Option<EndLimit>,
    /// True once this supervisor has killed the recorder.
    was_killed: bool,
}

impl Supervisor {
    /// Creates the supervisor of a session that this engine has claimed.
    pub(crate) async fn new(
        core: Arc<Core>,
        record: SessionRecord,
        shutdown: CancellationToken,
        caught_up: Option<oneshot::Sender<()>>,
    ) -> Result<Self, StoreError> {
        let id = record.id();
        let head = core.store.watch_session(id);
        let view = core.view_of(record).await?;
        Ok(Self {
            core,
            id,
            view,
            head,
            shutdown,
            is_caught_up: false,
            caught_up,
            without_progress: 0,
            end_limit: None,
            was_killed: false,
        })
    }

    /// Attends to the session until it has ended.
    pub(crate) async fn run(mut self) -> Result<(), SupervisorError> {
        loop {
            if self.shutdown.is_cancelled() {
                return Err(SupervisorError::Shutdown);
            }
            self.reload().await?;
            if self.view.record.session.status.is_terminal() {
                self.reclaim().await;
                return Ok(());
            }
            let before = self.view.record.journal;
            self.enter(SupervisorPhase::Starting);
            match self.core.executor.recorder_state(self.id).await? {
                // An engine that ended meanwhile may have started the recorder of a session before
                // it had written the workspace. Starting it again changes nothing.
                _ if self.lacks_workspace() => self.bring_up().await?,
                RecorderState::Never => self.bring_up().await?,
                RecorderState::Alive => {
                    if !self.escalate().await? {
                        self.attend().await?;
                    }
                }
                RecorderState::Gone => {
                    self.enter(SupervisorPhase::Recovering);
                    self.take_left_over().await?;
                }
            }
            self.back_off_without_progress(before).await?;
        }
    }

    fn lacks_workspace(&self) -> bool {
        let session = &self.view.record.session;
        session.status == SessionStatus::Provisioning && session.workspace.is_none()
    }

    /// Removes what the ended session left on the host.
    async fn reclaim(&self) {
        let status = self.view.record.session.status;
        reclaim::reclaim(&self.core, self.id, status, &self.shutdown).await;
    }

    /// Notes the current work of this supervisor.
    fn enter(&self, phase: SupervisorPhase) {
        let now = self.core.clock.now();
        self.core.supervisors.enter(self.id, phase, now);
    }

    /// Waits after an attempt without progress, longer each time. Fails after
    /// [`ATTEMPTS_WITHOUT_PROGRESS_MAX`] of them.
    async fn back_off_without_progress(
        &mut self,
        before: JournalPosition,
    ) -> Result<(), SupervisorError> {
        if self.view.record.journal != before {
            self.without_progress = 0;
            self.core.supervisors.note_attempts(self.id, 0);
            return Ok(());
        }
        self.without_progress += 1;
        let supervisors = &self.core.supervisors;
        supervisors.note_attempts(self.id, self.without_progress);
        if self.without_progress > ATTEMPTS_WITHOUT_PROGRESS_MAX {
            return Err(SupervisorError::NoProgress {
                attempts: self.without_progress,
            });
        }
        // The first attempts race with the end of a recorder, which is no fault.
        if self.without_progress > 1 {
            self.enter(SupervisorPhase::BackingOff);
        }
        let wait = NO_PROGRESS_WAIT_STEP * (self.without_progress - 1);
        tokio::select! {
            () = self.shutdown.cancelled() => Err(SupervisorError::Shutdown),
            () = tokio::time::sleep(wait) => Ok(()),
        }
    }

    /// Writes the end of a session that cannot be supervised, after ingesting the rest of its
    /// journal.
    pub(crate) async fn give_up(mut self, why: &SupervisorError) -> Result<(), SupervisorError> {
        // A recorder that cannot be attended to must not go on by itself.
        self.core.executor.kill_recorder(self.id).await?;
        self.sweep().await?;
        let reason = format!(
            "the access point could not continue the session: {}",
            why.explanation()
        );
        let process_end = match self.ingest_left_over().await {
            Ok(Some(end_record)) => {
                self.conclude_as_recorded(end_record).await?;
                self.reclaim().await;
                return Ok(());
            }
            Ok(None) => ProcessEnd::NeverStarted { reason },
            // The unreadable journal is most likely the cause.
            Err(SupervisorError::Executor(_) | SupervisorError::Machine(_)) => {
                ProcessEnd::NeverStarted { reason }
            }
            Err(other) => return Err(other),
        };
        self.conclude(process_end).await?;
        self.reclaim().await;
        Ok(())
    }

    /// Reads the session again. Fails if the session has another owner.
    async fn reload(&mut self) -> Result<(), StoreError> {
        let fence = self.view.record.fence;
        let view = self.core.view(self.id, CommandTarget::Nothing).await?;
        if view.record.fence != fence {
            return Err(StoreError::Fenced {
                id: self.id.to_string(),
            });
        }
        self.view = view;
        Ok(())
    }

    /// Writes the decision of `decide` and retries after a conflict. Returns true if the session
    /// changed.
    async fn decide(
        &mut self,
        decide: impl Fn(&View) -> Result<Decision, Refusal>,
    ) -> Result<bool, SupervisorError> {
        for attempt in 0..DECISION_ATTEMPTS {
            let change = match decide(&self.view)? {
                Decision::Unchanged => return Ok(false),
                Decision::Change(change) => *change,
            };
            self.view.apply(&change);
            if self.commit(change, attempt).await? == Commit::Written {
                return Ok(true);
            }
        }
        Err(StoreError::Conflict {
            id: self.id.to_string(),
        }
        .into())
    }

    /// Writes a change that the view already includes. If another decision was written meanwhile,
    /// the session is read again. A change without a decision still counts as written then; a
    /// decision does not.
    async fn commit(&mut self, change: Change, attempt: u32) -> Result<Commit, StoreError> {
        let record = &self.view.record;
        let is_decision = change.is_decision();
        let events = change.events.len() as u64;
        let guard = Guard {
            fence: Some(record.fence),
            version: is_decision.then_some(record.version),
            ..Guard::default()
        };
        let expected = SessionVersion(record.version.0 + u64::from(is_decision));
        let now = self.core.clock.now();
        let write = write_of(self.id, guard, change, now);
        let written = match self.core.store.write(write).await {
            Ok(written) => written,
            Err(StoreError::Conflict { .. }) => {
                back_off(attempt).await;
                self.reload().await?;
                return Ok(Commit::Conflict);
            }
            Err(error) => return Err(error),
        };
        metrics::counter!(names::EVENTS_INGESTED.name).increment(events);
        if written.version == expected {
            self.view.drop_settled();
            self.view.record.version = written.version;
            self.view.record.session.last_seq = written.last_seq;
        } else {
            self.reload().await?;
        }
        Ok(Commit::Written)
    }

    /// Ingests journal records into the log. The result includes the agent's end, if any.
    async fn ingest(
        &mut self,
        records: &[(ah_lifecycle::JournalRecord, JournalPosition)],
    ) -> Result<ah_lifecycle::ingest::Ingested, SupervisorError> {
        for attempt in 0..DECISION_ATTEMPTS {
            let mut ingested = ah_lifecycle::ingest::convert(&mut self.view, records)?;
            let change = std::mem::take(&mut ingested.change);
            if change == Change::default() || self.commit(change, attempt).await? == Commit::Written
            {
                return Ok(ingested);
            }
        }
        Err(StoreError::Conflict {
            id: self.id.to_string(),
        }
        .into())
    }

    /// Ends the agent if the session has no work left.
    async fn finish_if_done(&mut self) -> Result<(), SupervisorError> {
        self.decide(|view| Ok(finish::decide(&view.record, &view.prompts)))
            .await?;
        Ok(())
    }

    fn notify_caught_up(&mut self) {
        if let Some(caught_up) = self.caught_up.take() {
            // The receiver may have stopped waiting.
            caught_up.send(()).ok();
        }
    }
}
